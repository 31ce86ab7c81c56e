"""Ablations of the papers: their rows as printed, ours beside them, as tables and as Figure 2."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import yaml
from matplotlib.figure import Figure

from experiments.benchmark.report.tables import NONE, Cell, ReportTable
from experiments.benchmark.suites.published import UNITS

FILE = Path(__file__).parents[1] / "suites/published_ablations.yaml"
PANORAMAS = "panoramas"
AblationScores = Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]]
"""Group of the queue -> row -> `val/<data set>/<protocol>/<metric>` -> a value per seed."""
SCALING_TABLE = "da2_table2"
SCALING_METRICS = ("absrel", "rmse", "delta1", "delta2")
SIZE_INCHES = (8.0, 5.6)


@dataclass(frozen=True)
class PublishedAblation:
    """One table of ablations as a paper prints it.

    Attributes:
        title: What is ablated.
        source: Paper and table.
        protocol: Id of the rule behind its numbers.
        ours: Group of the queue, protocol of its validation, data set (all validated ones if none).
        columns: Metrics, and how many panoramas were trained on.
        rows: Row of the queue -> numbers, fractions and metres.
        notes: Contradictions and doubts.
    """

    title: str
    source: str
    protocol: str
    ours: Mapping[str, str]
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[float, ...]]
    notes: tuple[str, ...] = field(default_factory=tuple)


@cache
def published(path: Path = FILE) -> dict[str, PublishedAblation]:
    """Read all tables by id."""
    return {name: _table(raw) for name, raw in yaml.safe_load(path.read_text()).items()}


def _table(raw: Mapping[str, Any]) -> PublishedAblation:
    columns, unit = tuple(raw["columns"]), UNITS[raw["unit"]]
    scales = [1 if column == PANORAMAS else unit for column in columns]
    rows = {
        row: tuple(round(v / s, 6) for v, s in zip(values, scales, strict=True))
        for row, values in raw["rows"].items()
    }
    kept = {key: raw[key] for key in ("title", "source", "protocol", "ours")}
    return PublishedAblation(**kept, columns=columns, rows=rows, notes=tuple(raw["notes"]))


def read_scores(path: Path) -> AblationScores:
    """Read what `python -m experiments.ablations table` wrote; empty where there is nothing."""
    found: AblationScores = json.loads(path.read_text()) if path.is_file() else {}
    return found


def measured(table: PublishedAblation, scores: AblationScores, row: str) -> dict[str, float]:
    """Return our numbers of a row, by metric: means over seeds, then over data sets."""
    found: dict[str, list[float]] = {}
    for name, values in scores.get(table.ours["group"], {}).get(row, {}).items():
        _, dataset, protocol, metric = name.split("/")
        if protocol == table.ours["protocol"] and table.ours.get("dataset") in (None, dataset):
            found.setdefault(metric, []).append(fmean(values))
    return {metric: fmean(values) for metric, values in found.items()}


def _datasets(table: PublishedAblation, scores: AblationScores) -> list[str]:
    rows = scores.get(table.ours["group"], {}).values()
    named = {name.split("/")[1] for row in rows for name in row}
    return sorted(named) if "dataset" not in table.ours else [table.ours["dataset"]]


def ablation_tables(scores: AblationScores) -> list[ReportTable]:
    """Make one table per published table of which we ran a row."""
    tables = []
    for name, table in published().items():
        ours = {row: found for row in table.rows if (found := measured(table, scores, row))}
        if ours:
            tables.append(_report_table(name, table, ours, _datasets(table, scores)))
    return tables


def _report_table(
    name: str,
    table: PublishedAblation,
    ours: Mapping[str, Mapping[str, float]],
    datasets: Sequence[str],
) -> ReportTable:
    lines, marked = [], []
    for row, values in table.rows.items():
        if row in ours:
            cells = [NONE if c not in ours[row] else f"{ours[row][c]:.4f}" for c in table.columns]
            lines.append([Cell(row), *map(Cell, cells), Cell(table.ours["protocol"]), Cell("ours")])
        marked.append(len(lines))
        printed = [_printed(c, v) for c, v in zip(table.columns, values, strict=True)]
        lines.append([Cell(row), *map(Cell, printed), Cell(table.protocol), Cell("published")])
    return ReportTable(
        f"{name} · {table.title}",
        f"{table.source}. Ours: last validation on {', '.join(datasets)}, mean over seeds.",
        ("row of the queue", *table.columns, "protocol", "source"),
        lines,
        frozenset(marked),
        " ".join(table.notes),
    )


def _printed(column: str, value: float) -> str:
    return f"{value:,.0f}" if column == PANORAMAS else f"{value:.4f}"


def scaling_figure(scores: AblationScores) -> Figure | None:
    """Plot each metric over the rows of Table 2; None where none of them was run here.

    The axis has a place for each row, not for each number of panoramas: with other sets the rows
    are the same and the numbers are not.
    """
    table = published()[SCALING_TABLE]
    ours = {row: measured(table, scores, row) for row in table.rows}
    if not any(ours.values()):
        return None
    figure, axes = plt.subplots(2, 2, figsize=SIZE_INCHES, layout="constrained", sharex=True)
    places = np.arange(len(table.rows))
    for axis, metric in zip(axes.flat, SCALING_METRICS, strict=True):
        column = table.columns.index(metric)
        printed = [values[column] for values in table.rows.values()]
        own = [ours[row].get(metric, np.nan) for row in table.rows]
        axis.plot(places, printed, "o--", color="0.5", label="published")
        axis.plot(places, own, "s-", color="tab:blue", label="measured here")
        axis.set_ylabel(metric)
        axis.grid(alpha=0.3)
        axis.set_xticks(places, [row.replace("_", " ") for row in table.rows], rotation=35)
        axis.tick_params(axis="x", labelsize=7)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8)
    figure.suptitle("DA², Figure 2: what each curated set adds")
    return figure
