"""Ranks over all columns of a suite of several data sets, as DA² prints them beside Table 1."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from experiments.benchmark.report.suite_tables import PUBLISHED
from experiments.benchmark.report.tables import NONE, Cell, ReportTable, higher_is_better

ZERO_SHOT = "zero-shot"
Column = tuple[str, str]
Values = Mapping[Column, float]
NOTE = (
    "Mean, over data sets and metrics, of a system's place among all, and among those that saw "
    "none of the data sets (ours are counted there). Only systems with every number have a rank: "
    "the table's own column counts a missing number as place 0, so systems that were not scored on "
    "a set look better there."
)


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
    made = [_table(suite) for suite in suites if len(suite.get("datasets", ())) > 1]
    return [table for table in made if table]


def _table(suite: Mapping[str, Any]) -> ReportTable | None:
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
