"""The tables of the report, as rows of cells that HTML and Markdown print alike."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pano_losses
from experiments.benchmark.curves import REGIONS
from experiments.benchmark.report.results import Metrics, ModelResults, scored_pairs
from experiments.pipeline.run_folder import FINISHED
from experiments.tracking.shares import FILE as SHARES
from experiments.tracking.shares import read_shares

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
class ReportTable:
    """A titled table.

    Attributes:
        title: Heading; for scores `data set · protocol`.
        note: What the numbers are, in a sentence or two.
        columns: Head of the table; the first column names the row.
        rows: As many cells as columns.
        marked: Rows that are printed apart (published numbers), by index.
        doubts: What else to know of the numbers; the page shows it on demand.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: list[list[Cell]]
    marked: frozenset[int] = frozenset()
    doubts: str = ""


def leaderboards(results: Sequence[ModelResults], cost: Mapping[str, Any]) -> list[ReportTable]:
    """Make one table per data set and protocol, best model first."""
    return [
        _leaderboard(results, dataset, protocol, cost)
        for dataset, protocol in scored_pairs(results)
    ]


def _leaderboard(
    results: Sequence[ModelResults], dataset: str, protocol: str, cost: Mapping[str, Any]
) -> ReportTable:
    scored = [(r, m) for r in results if (m := r.get(dataset, protocol)) is not None]
    names = _columns([m for _, m in scored])
    scored.sort(key=lambda pair: pair[1].get(names[0], float("inf")))
    best = {n: best_of(n, [m[n] for _, m in scored if n in m]) for n in names}
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
    return ReportTable(
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
    """Return the standard columns; where a protocol has none of them, all that it has."""
    present = dict.fromkeys(name for m in scored for name in m if name not in COUNTS)
    standard = [name for name in STANDARD if name in present]
    return standard or list(present)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort metrics in the order of the tables: the standard ones first."""
    rank = {name: place for place, name in enumerate(STANDARD)}
    return sorted(names, key=lambda name: rank.get(name, len(rank)))


def higher_is_better(metric: str) -> bool:
    """Tell shares of good pixels from everything else, which is an error."""
    return metric.startswith(HIGHER_IS_BETTER)


def best_of(name: str, values: Iterable[float]) -> float | None:
    """Return the best value of a metric; None where there is none, or neither end is good."""
    finite = [v for v in values if math.isfinite(v)]
    if not finite or name.endswith("_ratio"):
        return None
    return max(finite) if higher_is_better(name) else min(finite)


def _score(metrics: Metrics, name: str, best: float | None) -> Cell:
    value = metrics.get(name, math.nan)
    return Cell(_text(value), value == best)


def _text(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else NONE


def _cost(cost: Mapping[str, Any], model: str, key: str) -> Cell:
    value = cost.get("models", {}).get(model, {}).get(key)
    if value is None:
        return Cell(NONE)
    return Cell(f"{value / 1e6 if key == 'parameters' else value:.3g}")


def cost_table(cost: Mapping[str, Any]) -> ReportTable | None:
    """Make the table of what each model costs; None where nothing was measured."""
    if not cost:
        return None
    about = cost["measured"]
    height, width = about["size"]
    note = (
        f"Input {height}x{width}, batch {about['batch']}, threads {about['threads']}, "
        f"{about['device']}, torch {about['torch']}. All models in one run, taking turns: "
        f"median of {about['rounds']} rounds, with quartiles. Memory is the peak of one forward "
        "pass beyond the loaded network. An operation is a multiplication or an addition of a "
        "matrix product, a convolution or attention."
    )
    rows = []
    for model, row in sorted(cost["models"].items(), key=lambda item: item[1]["latency_ms"]):
        quartiles = f"{row['latency_low_ms']:.1f} to {row['latency_high_ms']:.1f}"
        values = [_cost(cost, model, key) for key in COST]
        rows.append([Cell(model), *values[:3], Cell(quartiles), values[3]])
    heads = [COST["parameters"], "GFLOP", "ms per panorama", "quartiles (ms)", "MB forward"]
    return ReportTable("Cost", note, ("model", *heads), rows)


def training_set_table(models: Sequence[str]) -> ReportTable | None:
    """Make the table of what each training set added to the loss; None where nobody told."""
    rows = []
    for model in models:
        shares = read_shares(FINISHED / model / SHARES)
        gradient = shares.get("gradient", {})
        for name, share in shares.get("loss", {}).items():
            norm = gradient.get(name)
            small = " (below 0.5 %)" if share < 0.005 else ""
            rows.append(
                [
                    Cell(model),
                    Cell(name),
                    Cell(f"{share:.1%}{small}"),
                    Cell(NONE if norm is None else f"{norm:.1%}"),
                ]
            )
    if not rows:
        return None
    note = (
        "Mean over the measured steps of a training. Share of the loss: what the panoramas of a "
        "set add to the weighted sum of all terms. Share of the gradient norms: norm of the "
        "gradient of that part with respect to all trained weights, before clipping, at four steps."
    )
    return ReportTable(
        "What each training set adds", note, ("model", "set", "loss", "gradient"), rows
    )


def spread_tables(results: Sequence[ModelResults]) -> dict[str, ReportTable]:
    """Make a table per data set of AbsRel of the same predictions under every protocol."""
    scored = [(d, p) for d, p in scored_pairs(results) if _has_absrel(results, d, p)]
    datasets = dict.fromkeys(d for d, _ in scored)
    return {d: _spread(results, d, [p for e, p in scored if e == d]) for d in datasets}


def _spread(results: Sequence[ModelResults], dataset: str, protocols: Sequence[str]) -> ReportTable:
    rows = []
    for r in results:
        values = [(r.get(dataset, p) or {}).get("absrel", math.nan) for p in protocols]
        known = [v for v in values if math.isfinite(v)]
        ratio = f"{max(known) / min(known):.2f}" if known and min(known) > 0 else NONE
        if known:
            rows.append([Cell(r.model), *(Cell(_text(v)) for v in values), Cell(ratio)])
    note = (
        "AbsRel of the same predictions under every protocol. "
        "The last column is the largest over the smallest."
    )
    return ReportTable(f"{dataset} · all protocols", note, ("model", *protocols, "max / min"), rows)


def _has_absrel(results: Sequence[ModelResults], dataset: str, protocol: str) -> bool:
    return any("absrel" in (r.get(dataset, protocol) or {}) for r in results)


def region_tables(results: Sequence[ModelResults], rule: str) -> list[ReportTable]:
    """Make a table per data set of AbsRel at the seam, at the poles and elsewhere."""
    tables = []
    for dataset in sorted({d for r in results for d, c in r.curves.items() if "region" in c}):
        scored = [(r, r.curves[dataset]["region"]) for r in results if dataset in r.curves]
        columns = zip(*(values for _, values in scored), strict=True)
        best = [best_of("absrel", (v for v in column if v is not None)) for column in columns]
        rows = [
            [Cell(r.model), *(_region(v, b) for v, b in zip(values, best, strict=True))]
            for r, values in scored
        ]
        tables.append(ReportTable(f"{dataset} · seam and poles", rule, ("model", *REGIONS), rows))
    return tables


def _region(value: float | None, best: float | None) -> Cell:
    return Cell(NONE) if value is None else Cell(_text(value), value == best)


def markdown(tables: Sequence[ReportTable]) -> str:
    """Print tables for a terminal or a repository page; the best of a column is bold."""
    parts = []
    for table in tables:
        lines = [_line(table.columns), _line(["---"] * len(table.columns))]
        lines += [_line([f"**{c.text}**" if c.best else c.text for c in row]) for row in table.rows]
        note = f"{table.note} {table.doubts}".strip()
        parts.append(f"## {table.title}\n\n{note}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
