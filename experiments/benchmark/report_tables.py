"""The tables of the report, as rows of cells that HTML and Markdown print alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pano_losses
from experiments.benchmark.curves import REGIONS
from experiments.benchmark.report_results import Metrics, Result, pairs

STANDARD = ("absrel", "rmse", "mae", "delta1", "delta2")
HIGHER_IS_BETTER = ("delta", "edge_precision", "edge_recall")
COUNTS = ("images_scored", "images_skipped")
COST = {
    "parameters": "M parameters",
    "gflop": "GFLOP",
    "latency_ms": "ms",
    "memory_mb": "MB",
}
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """One entry: its text, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A titled table.

    Attributes:
        title: Heading; for scores `data set · protocol`.
        note: What the numbers are, in a sentence or two.
        columns: Head of the table; the first column names the row.
        rows: As many cells as columns.
        marked: Rows that are printed apart (published numbers), by index.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[list[Cell]]
    marked: frozenset[int] = frozenset()


def leaderboards(results: Sequence[Result], cost: Mapping[str, Any]) -> list[Table]:
    """One table a data set and protocol, best model first."""
    return [_leaderboard(results, dataset, protocol, cost) for dataset, protocol in pairs(results)]


def _leaderboard(
    results: Sequence[Result], dataset: str, protocol: str, cost: Mapping[str, Any]
) -> Table:
    scored = [(r, m) for r in results if (m := r.get(dataset, protocol)) is not None]
    names = _columns([m for _, m in scored])
    scored.sort(key=lambda pair: pair[1].get(names[0], float("inf")))
    best = {n: _best(n, [m[n] for _, m in scored if n in m]) for n in names}
    costs = [key for key in COST if cost] if protocol != "seam" else []
    rows = []
    for result, metrics in scored:
        row = [Cell(result.model), *(_score(metrics, n, best[n]) for n in names)]
        if names[0] == "absrel":
            interval = result.intervals.get((dataset, protocol))
            row.insert(2, Cell(NONE if interval is None else f"{interval:.4f}"))
        rows.append(row + [_cost(cost, result.model, key) for key in costs])
    heads = list(names)
    if names[0] == "absrel":
        heads.insert(1, "± 95 %")
    description = pano_losses.protocols[protocol].description
    return Table(
        f"{dataset} · {protocol}",
        f"{description} {_counts([m for _, m in scored])}",
        ("model", *heads, *(COST[key] for key in costs)),
        rows,
    )


def _counts(scored: Sequence[Metrics]) -> str:
    scores = sorted({int(m["images_scored"]) for m in scored})
    skipped = sorted({int(m.get("images_skipped", 0)) for m in scored})
    left_out = f", {_span(skipped)} skipped without a pixel to score" if skipped != [0] else ""
    return f"{_span(scores)} panoramas{left_out}."


def _span(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _columns(scored: Sequence[Metrics]) -> list[str]:
    """The standard columns; where a protocol has none of them, all that it has."""
    present = dict.fromkeys(name for m in scored for name in m if name not in COUNTS)
    standard = [name for name in STANDARD if name in present]
    return standard or list(present)


def higher_is_better(metric: str) -> bool:
    """True for shares of good pixels; everything else is an error."""
    return metric.startswith(HIGHER_IS_BETTER)


def _best(name: str, values: Sequence[float]) -> float:
    return max(values) if higher_is_better(name) else min(values)


def _score(metrics: Metrics, name: str, best: float) -> Cell:
    if name not in metrics:
        return Cell(NONE)
    return Cell(f"{metrics[name]:.4f}", metrics[name] == best)


def _cost(cost: Mapping[str, Any], model: str, key: str) -> Cell:
    value = cost.get("models", {}).get(model, {}).get(key)
    if value is None:
        return Cell(NONE)
    return Cell(f"{value / 1e6:.2f}" if key == "parameters" else f"{value:.1f}")


def cost_table(cost: Mapping[str, Any]) -> Table | None:
    """What each model costs; None where nothing was measured."""
    if not cost:
        return None
    about = cost["measured"]
    height, width = about["size"]
    note = (
        f"Input {height}x{width}, batch {about['batch']}, {about['threads']} threads, {about['device']}, torch "
        f"{about['torch']}. All models in one run, taking turns: median of {about['rounds']} rounds, with "
        "quartiles. Memory is the peak of one forward pass beyond the loaded network. An operation is a "
        "multiplication or an addition of a matrix product, a convolution or attention."
    )
    rows = []
    for model, row in sorted(cost["models"].items(), key=lambda item: item[1]["latency_ms"]):
        quartiles = f"{row['latency_low_ms']:.1f} to {row['latency_high_ms']:.1f}"
        values = [_cost(cost, model, key) for key in COST]
        rows.append([Cell(model), *values[:3], Cell(quartiles), values[3]])
    heads = [COST["parameters"], "GFLOP", "ms a panorama", "quartiles (ms)", "MB forward"]
    return Table("Cost", note, ("model", *heads), rows)


def spread_table(results: Sequence[Result]) -> Table:
    """AbsRel of the same predictions under every protocol: how far a number moves with the rule."""
    scored = [(d, p) for d, p in pairs(results) if _has_absrel(results, d, p)]
    rows = []
    for r in results:
        values = [(r.get(d, p) or {}).get("absrel") for d, p in scored]
        known = [v for v in values if v is not None]
        ratio = f"{max(known) / min(known):.2f}" if known and min(known) > 0 else NONE
        texts = [Cell(NONE if v is None else f"{v:.4f}") for v in values]
        rows.append([Cell(r.model), *texts, Cell(ratio)])
    heads = (f"{dataset} · {protocol}" for dataset, protocol in scored)
    note = "AbsRel of the same predictions. The last column is the largest over the smallest."
    return Table(
        "The same predictions under every protocol", note, ("model", *heads, "max / min"), rows
    )


def _has_absrel(results: Sequence[Result], dataset: str, protocol: str) -> bool:
    return any("absrel" in (r.get(dataset, protocol) or {}) for r in results)


def region_tables(results: Sequence[Result], rule: str) -> list[Table]:
    """AbsRel at the seam, at the poles and elsewhere, one table a data set."""
    tables = []
    for dataset in sorted({d for r in results for d, c in r.curves.items() if "region" in c}):
        scored = [(r, r.curves[dataset]["region"]) for r in results if dataset in r.curves]
        columns = list(zip(*(values for _, values in scored), strict=True))
        best = [min((v for v in column if v is not None), default=None) for column in columns]
        rows = [
            [
                Cell(r.model),
                *(
                    Cell(NONE if v is None else f"{v:.4f}", v == b)
                    for v, b in zip(values, best, strict=True)
                ),
            ]
            for r, values in scored
        ]
        tables.append(Table(f"{dataset} · seam and poles", rule, ("model", *REGIONS), rows))
    return tables


def markdown(tables: Sequence[Table]) -> str:
    """The tables for a terminal or a repository page; the best of a column is bold."""
    parts = []
    for table in tables:
        lines = [_line(table.columns), _line(["---"] * len(table.columns))]
        lines += [_line([f"**{c.text}**" if c.best else c.text for c in row]) for row in table.rows]
        parts.append(f"## {table.title}\n\n{table.note}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
