"""Stage: report all scores as a self-contained page, a Markdown table and a few figures.

`python -m experiments.benchmark.report.stage report`, settings from the section `report`.
"""

import base64
import shutil
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape

from experiments.benchmark.curves import RULE
from experiments.benchmark.report.ablation_tables import (
    ablation_tables,
    read_scores,
    scaling_figure,
)
from experiments.benchmark.report.figures import figures, png
from experiments.benchmark.report.results import (
    ModelResults,
    data_versions,
    read_gallery,
    read_json,
    read_results,
    runs_of,
)
from experiments.benchmark.report.suite_tables import rank_tables, read_suites, suite_tables
from experiments.benchmark.report.tables import (
    cost_table,
    leaderboards,
    markdown,
    region_tables,
    spread_tables,
    training_set_table,
)
from experiments.benchmark.report.verdict import DatasetVerdict, absrel_of, verdict_table, verdicts
from experiments.pipeline.stage import run_stage
from pano_data import remove_parts, write_json, write_text

TEMPLATE = "page.html"
COMMON = "depth_anywhere_released"
EXTREMES = ("best", "median", "worst")
DIGITS = 4  # of a metric: more would differ between machines


def report(
    models: list[str], protocol: str = COMMON, folder: str = "reports", metrics: str = "metrics"
) -> None:
    """Write `report.html`, `leaderboard.md`, `figures/` and metrics; print which model is better.

    `cost.json`, `gallery/` and `suites/*.json`, each made by a stage of its own, are read where
    they exist, and so is `ablations.json` (`python -m experiments.ablations table`).

    Args:
        models: Folders below `folder/scores`, in the order of the legends.
        protocol: What the models are compared by first: one that scores every kind of map.
        folder: Where results lie and the report goes.
        metrics: Folder of a short file for each model, its AbsRel by data set. It is committed, so
            `dvc metrics show` and `dvc metrics diff` work in a clone that has run nothing.
    """
    root = Path(folder)
    results = [read_results(root / "scores" / model) for model in models]
    best, overview = verdicts(results, protocol), verdict_table(results, protocol)
    cost = read_json(root / "cost.json")
    boards = leaderboards(results, cost)
    scored = read_suites(root / "suites")
    ablations = read_scores(root / "ablations.json")
    suites = [*suite_tables(scored), *rank_tables(scored), *ablation_tables(ablations)]
    spreads, regions, costs = spread_tables(results), region_tables(results, RULE), cost_table(cost)
    pictures, sets = figures(results), training_set_table(models)
    scaling = scaling_figure(ablations)
    if scaling is not None:
        pictures["scaling_da2"] = png(scaling)
    _write_figures(root / "figures", pictures)
    page = Environment(
        autoescape=select_autoescape(default=True), undefined=StrictUndefined, trim_blocks=True
    ).from_string((files(__package__) / TEMPLATE).read_text("utf-8"))
    datasets = sorted({d for r in results for d in r.metrics})
    page_rows = {d: [t for t in boards if t.title.startswith(f"{d} ·")] for d in datasets}
    html = page.render(
        verdicts=best,
        overview=overview,
        boards=page_rows,
        suites=suites,
        spreads=spreads,
        regions=regions,
        cost=costs,
        sets=sets,
        rule=RULE,
        figures={name: _base64(data) for name, data in pictures.items()},
        gallery=_embedded_gallery(root / "gallery"),
        samples=[s for d in datasets for r in results if (s := _samples(r, d))],
        runs=runs_of(models),
        versions=data_versions(datasets),
    )
    text = markdown(
        [
            *(t for t in (overview,) if t),
            *boards,
            *suites,
            *spreads.values(),
            *regions,
            *(t for t in (costs, sets) if t),
        ]
    )
    for name, content in (("leaderboard.md", text), ("report.html", html)):
        remove_parts(root / name)  # of a killed process
        write_text(root / name, content)
    _write_metrics(Path(metrics), results, protocol)
    sys.stdout.write(
        f"{markdown([t for t in (overview,) if t])}\n{_in_words(best)}\n"
        f"all tables and pictures: {root}/report.html\n{_left_out(root / 'scores', models)}"
    )


def _write_metrics(folder: Path, results: Sequence[ModelResults], protocol: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for result in results:
        scores = {d: absrel_of(result, d, protocol) for d in sorted(result.metrics)}
        known = {d: round(score, DIGITS) for d, score in scores.items() if score is not None}
        write_json(folder / f"{result.model}.json", known)


def _in_words(found: Sequence[DatasetVerdict]) -> str:
    return "".join(f"{v.dataset}: {' '.join(v.sentences)}\n" for v in found)


def _left_out(scores: Path, models: list[str]) -> str:
    """Return a line on what was scored, in this run or an older one, and is not shown."""
    others = sorted({path.parent.name for path in scores.glob("*/metrics.json")} - set(models))
    return f"scored, but not named in report.models: {', '.join(others)}\n" if others else ""


def _write_figures(folder: Path, pictures: dict[str, bytes]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, data in pictures.items():
        (folder / f"{name}.png").write_bytes(data)


def _embedded_gallery(folder: Path) -> dict[str, list[dict[str, Any]]]:
    gallery = read_gallery(folder / "index.json")
    for entry in (e for entries in gallery.values() for e in entries):
        entry["tiles"] = {k: _base64((folder / v).read_bytes()) for k, v in entry["tiles"].items()}
    return gallery


def _samples(result: ModelResults, dataset: str) -> dict[str, Any] | None:
    folder = result.folder / "samples" / dataset
    extremes = [folder / "extremes" / f"{name}.png" for name in EXTREMES]
    paths = [p for p in extremes if p.is_file()] or sorted(folder.glob("*.png"))
    if not paths:
        return None
    pictures = {path.stem: _base64(path.read_bytes()) for path in paths}
    return {"model": result.model, "dataset": dataset, "pictures": pictures}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


if __name__ == "__main__":
    run_stage(report, sys.argv[1], sys.argv[2:])
