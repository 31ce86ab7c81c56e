"""What the report of a rehearsal must hold: every suite, every row of every ablation, ranks."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pano_losses
from experiments.ablations import read_queue
from experiments.benchmark.report.ablation_tables import (
    AblationScores,
    measured,
    published,
    read_scores,
)
from experiments.benchmark.suites.catalogue import SUITES, Suite
from experiments.pipeline import params
from pano_models import DISPARITY_AFFINE

RANKED = "da2_table1 · ranks"
"""The one suite of several data sets all of whose published numbers are at hand."""
FIGURE = "figures/scaling_da2.png"
PAGES = ("report.html", "leaderboard.md", "cost.json", FIGURE)


def missing(reports: Path, sections: Mapping[str, Any]) -> list[str]:
    """Return what the report lacks, empty if nothing.

    Args:
        reports: Folder of the results.
        sections: All sections of the rehearsal's values.
    """
    scores = read_scores(reports / "ablations.json")
    return [
        *(name for name in PAGES if not (reports / name).is_file()),
        *_suites(reports, sections),
        *_rows(scores),
        *_tables(reports / "leaderboard.md", scores),
    ]


def _suites(reports: Path, sections: Mapping[str, Any]) -> Iterator[str]:
    """Yield the models without a number, or a reason, on a data set of a suite."""
    for suite in SUITES.values():
        path = reports / "suites" / f"{suite.name}.json"
        rows = json.loads(path.read_text())["rows"] if path.is_file() else []
        told = {(r["system"], r["dataset"]) for r in rows if r["metrics"] or r.get("note")}
        models = [m for m in sections["suites"]["models"] if _scored(suite, m, sections)]
        for part in suite.datasets:
            for model in models:
                if (model, part.dataset) not in told:
                    yield f"{model} on {part.dataset} of {suite.name}"


def _scored(suite: Suite, model: str, sections: Mapping[str, Any]) -> bool:
    """Whether a protocol of the suite fits: disparity up to a shift is no distance."""
    section = params.resolved(sections, model) if model in sections else {}
    net = section.get("model", {}).get("init_args", {}).get("net", {})
    affine = net.get("init_args", {}).get("head") == "affine"
    kinds = {kind for p in suite.protocols for kind in pano_losses.protocols[p].accepts}
    return not affine or DISPARITY_AFFINE in kinds


def _rows(scores: AblationScores) -> Iterator[str]:
    """Yield the rows of the queue without a validation."""
    for name, group in read_queue().items():
        for row, about in group["rows"].items():
            if about.get("scale", "full") == "full" and not scores.get(name, {}).get(row):
                yield f"{name}.{row}"


def _tables(leaderboard: Path, scores: AblationScores) -> Iterator[str]:
    """Yield the papers' tables that do not have ours beside each of their rows."""
    text = leaderboard.read_text() if leaderboard.is_file() else ""
    titles = [RANKED]
    for name, table in published().items():
        validated = {place.split("/")[1] for row in scores.get(table.ours["group"], {}).values()
                     for place in row}  # fmt: skip
        if table.ours.get("dataset") in (None, *validated):
            titles.append(f"{name} · {table.title}")
            lacking = [row for row in table.rows if not measured(table, scores, row)]
            yield from (f"{name}, row {row}" for row in lacking)
    yield from (f"table {title}" for title in titles if title not in text)
