"""Tables of the papers' suites: our numbers beside the published ones, and ranks among them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from experiments.benchmark.report.results import refuse_unknown
from experiments.benchmark.report.tables import (
    COUNTS,
    NONE,
    Cell,
    ReportTable,
    best_of,
    higher_is_better,
    in_order,
)

PUBLISHED = "published"
UNSTATED = "†"
LEGEND = f"{UNSTATED} the paper does not name its protocol: this is our reading of it."
SuiteRow = Mapping[str, Any]
ZERO_SHOT = "zero-shot"
Column = tuple[str, str]
Values = Mapping[Column, float]
NOTE = (
    "Mean, over data sets and metrics, of a system's place among all, and among those that saw "
    "none of the data sets (ours are counted there). Only systems with every number have a rank: "
    "the table's own column counts a missing number as place 0, so systems that were not scored on "
    "a set look better there."
)


def read_suites(folder: Path) -> list[dict[str, Any]]:
    """Read every `<suite>.json` of a folder, by name; the format is in `docs/evaluation.md`.

    Raises:
        UnlabelledNumberError: A row is given under no known protocol.
    """
    suites = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    for suite in suites:
        refuse_unknown({row.get("protocol") for row in suite["rows"]}, f"suite {suite['suite']}")
    return suites


def suite_tables(suites: Sequence[Mapping[str, Any]]) -> list[ReportTable]:
    """Make one table per suite and data set: ours first, then the published rows, marked.

    Each of our rows is followed by its differences. A suite of several data sets ends with the mean
    over them, as DA² Tables 2 and 3 print it.
    """
    tables = []
    for suite in suites:
        datasets = list(dict.fromkeys(row["dataset"] for row in suite["rows"]))
        for dataset in datasets:
            rows = [row for row in suite["rows"] if row["dataset"] == dataset]
            tables.append(_table(suite, dataset, rows))
        means = _means(suite["rows"])
        if len(means) > 0:
            tables.append(_table(suite, f"mean of {len(datasets)} data sets", means))
    return tables


def _means(rows: Sequence[SuiteRow]) -> list[SuiteRow]:
    """Average, over the data sets, the rows of each system that has numbers on all of them."""
    datasets = {row["dataset"] for row in rows}
    by_system: dict[tuple[str, str, str], list[SuiteRow]] = {}
    for row in rows:
        if row["metrics"]:
            by_system.setdefault((row["system"], row["source"], row["protocol"]), []).append(row)
    means: list[SuiteRow] = []
    for found in by_system.values():
        if len(datasets) < 2 or {row["dataset"] for row in found} != datasets:
            continue
        shared = [n for n in found[0]["metrics"] if all(n in row["metrics"] for row in found)]
        metrics = {n: fmean(row["metrics"][n] for row in found) for n in shared}
        kept = {k: v for k, v in found[0].items() if k not in ("difference", "note", "partial")}
        counts = {
            k: sum(row[k] for row in found)
            for k in ("count", "expected")
            if all(row.get(k) is not None for row in found)
        }
        means.append({**kept, **counts, "metrics": metrics, "partial": _any_partial(found)})
    return means if any(row["source"] != PUBLISHED for row in means) else []


def _any_partial(rows: Sequence[SuiteRow]) -> bool:
    return any(row.get("partial") for row in rows)


def _table(suite: Mapping[str, Any], dataset: str, rows: Sequence[SuiteRow]) -> ReportTable:
    order = [*suite.get("protocols", []), *sorted({row["protocol"] for row in rows})]
    # Protocol by protocol: numbers of two of them are in no order.
    ours = sorted(
        (r for r in rows if r["source"] != PUBLISHED),
        key=lambda row: (order.index(row["protocol"]), _absrel(row)),
    )
    published = [r for r in rows if r["source"] == PUBLISHED]
    metrics = list(dict.fromkeys(n for r in [*published, *ours] for n in r["metrics"]))
    # A released protocol has more metrics than the table that it explains.
    printed = {n for r in published for n in r["metrics"]} or set(metrics)
    names = in_order(n for n in metrics if n in printed and n not in COUNTS)
    best = _best(ours, names)
    lines = [line for row in ours for line in [_row(row, names, best), *_differences(row, names)]]
    note = f"{suite['title']}. {suite['source']}."
    unstated = any(not row.get("protocol_stated", True) for row in published)
    return ReportTable(
        f"{suite['suite']} · {dataset}",
        f"{note} {LEGEND}" if unstated else note,
        ("system", *names, "protocol", "panoramas", "source"),
        lines + [_row(row, names, {}) for row in published],
        frozenset(range(len(lines), len(lines) + len(published))),
        " ".join([*suite.get("notes", []), *_row_notes([*published, *ours])]),
    )


def _row_notes(rows: Sequence[SuiteRow]) -> list[str]:
    """Collect the remarks on single systems, those with one remark together."""
    systems: dict[str, list[str]] = {}
    for row in rows:
        if row.get("note"):
            systems.setdefault(row["note"], []).append(row["system"])
    return [f"{', '.join(names)}: {note}." for note, names in systems.items()]


def _absrel(row: SuiteRow) -> float:
    return float(row["metrics"].get("absrel", float("inf")))


def _best(ours: Sequence[SuiteRow], names: Sequence[str]) -> dict[tuple[str, str], float | None]:
    """Find the best of ours by protocol and metric: numbers of two protocols do not compare."""
    values: dict[tuple[str, str], list[float]] = {}
    for row in ours:
        for name in (n for n in names if n in row["metrics"]):
            values.setdefault((row["protocol"], name), []).append(row["metrics"][name])
    return {key: best_of(key[1], found) for key, found in values.items()}


def _row(
    row: SuiteRow, names: Sequence[str], best: Mapping[tuple[str, str], float | None]
) -> list[Cell]:
    published = row["source"] == PUBLISHED
    count = row.get("expected") if published else row.get("count")
    partial = f" of {row['expected']}, partial" if row.get("partial") else ""
    unstated = "" if row.get("protocol_stated", True) else f" {UNSTATED}"
    values = [(row["metrics"].get(n), best.get((row["protocol"], n))) for n in names]
    return [
        Cell(row["system"]),
        *(Cell(NONE) if v is None else Cell(f"{v:.4f}", v == b) for v, b in values),
        Cell(row["protocol"] + unstated),
        Cell(f"{NONE if count is None else count}{partial}"),
        Cell(row.get("category") or PUBLISHED if published else "measured here"),
    ]


def _differences(row: SuiteRow, names: Sequence[str]) -> list[list[Cell]]:
    """Subtract published numbers from ours, one line per system of the same network."""
    lines = []
    for system, by_metric in (row.get("difference") or {}).items():
        values = [by_metric.get(n) for n in names]
        cells = [Cell("" if v is None else f"{v:+.4f}") for v in values]
        lines.append([Cell(f"↳ less {system}"), *cells, Cell(""), Cell(""), Cell("difference")])
    return lines


def mean_ranks(systems: Mapping[str, Values]) -> dict[str, float]:
    """Return the mean place of each system; equal values share the better place.

    Args:
        systems: Numbers by (data set, metric), the same columns for each.
    """
    columns = list(next(iter(systems.values()), {}))
    return {
        name: fmean(_place(values[c], [s[c] for s in systems.values()], c[1]) for c in columns)
        for name, values in systems.items()
    }


def _place(value: float, others: Sequence[float], metric: str) -> int:
    better = (o > value if higher_is_better(metric) else o < value for o in others)
    return 1 + sum(better)


def rank_tables(suites: Sequence[Mapping[str, Any]]) -> list[ReportTable]:
    """Make one table per suite of several data sets whose numbers ours can be ranked among."""
    made = [_rank_table(suite) for suite in suites if len(suite.get("datasets", ())) > 1]
    return [table for table in made if table]


def _rank_table(suite: Mapping[str, Any]) -> ReportTable | None:
    printed = {m for row in suite["rows"] if row["source"] == PUBLISHED for m in row["metrics"]}
    protocol = _comparable(suite, printed)
    if protocol is None:
        return None
    columns = [(part["id"], metric) for part in suite["datasets"] for metric in sorted(printed)]
    values: dict[tuple[str, bool], dict[Column, float]] = {}
    zero_shot = set()
    for row in suite["rows"]:
        is_published = row["source"] == PUBLISHED
        if is_published or row["protocol"] == protocol:
            name = (row["system"], is_published)
            own = {(row["dataset"], m): v for m, v in row["metrics"].items() if m in printed}
            values.setdefault(name, {}).update(own)
            if not is_published or (row.get("category") or "").startswith(ZERO_SHOT):
                zero_shot.add(name)
    whole = {str(n): v for n, v in values.items() if all(c in v for c in columns)}
    labels = {str(name): name for name in values}
    if not any(not labels[name][1] for name in whole):
        return None
    ranks = mean_ranks(whole)
    among = mean_ranks({name: v for name, v in whole.items() if labels[name] in zero_shot})
    order = sorted(ranks, key=lambda name: ranks[name])
    rows = [
        [
            Cell(labels[name][0]),
            Cell(f"{among[name]:.2f}" if name in among else NONE),
            Cell(f"{ranks[name]:.2f}"),
            Cell(PUBLISHED if labels[name][1] else f"measured here, {protocol}"),
        ]
        for name in order
    ]
    marked = frozenset(i for i, name in enumerate(order) if labels[name][1])
    heads = ("system", "rank, zero-shot", "rank, all", "source")
    return ReportTable(f"{suite['suite']} · ranks", NOTE, heads, rows, marked)


def _comparable(suite: Mapping[str, Any], printed: set[str]) -> str | None:
    """Return the first protocol of ours under which all printed metrics compare."""
    for by_ours in suite.get("comparable", {}).values():
        for protocol, metrics in by_ours.items():
            if printed and printed <= set(metrics):
                return str(protocol)
    return None
