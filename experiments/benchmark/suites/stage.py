"""Stage: run suites, and put our numbers beside the published ones.

`python -m experiments.benchmark.suites.stage` writes `reports/suites/<suite>.json`, settings from
the section `suites`.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments.benchmark.evaluate.ranks import choose_device, ranks
from experiments.benchmark.evaluate.result_folder import score_datasets
from experiments.benchmark.evaluate.score import NotScoreableError, ScoringSettings
from experiments.benchmark.models.resolve import DatasetLocation, ScoredModel, resolve
from experiments.benchmark.suites import catalogue as suites
from experiments.benchmark.suites.catalogue import Suite, SuiteError
from experiments.pipeline import params
from experiments.pipeline.stage import report_bad_input, run_stage
from experiments.pipeline.threads import set_threads
from pano_data import write_json
from pano_data.reader import ManifestDataset

FOLDER = "suites"
ABOUT = "about.json"
_LOG = logging.getLogger(__name__)


def run_suite(
    suite: Suite,
    model: str,
    predictor: ScoredModel,
    root: Path,
    settings: ScoringSettings,
    reports: Path,
    partial: bool = False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Score one model on a suite and rewrite the suite's table.

    Args:
        suite: What to run.
        model: MODEL, as the table shall show it.
        predictor: What it stands for.
        root: Holds a folder per data set.
        settings: How to score; the suite brings the protocols.
        reports: `suites/<suite>/<model>/` and `suites/<suite>.json` go below it.
        partial: Score although images or data sets are missing, and mark the result.
        options: Data set -> options of its reader.

    Raises:
        SuiteError: Not the images that the suite needs, or none at all.
        DatasetNotFoundError: A data set is absent, and not `partial`.
        NotScoreableError: No protocol of the suite scores this kind of map.
    """
    # All counts first: a refusal must not come after hours.
    asked = options or {}
    found = {p.dataset: (p, p.rows(root, partial, asked.get(p.dataset))) for p in suite.datasets}
    present = {d: (p, rows) for d, (p, rows) in found.items() if rows is not None}
    if not present:
        raise SuiteError(f"{root} holds none of {', '.join(found)}, expected a folder per data set")
    data = {d: ManifestDataset(r, root / d, settings.size) for d, (_, r) in present.items()}
    folder = reports / FOLDER / suite.name / _file_name(model)
    settings = replace(settings, protocols=suite.protocols)
    score_datasets(predictor, data, settings, folder)
    if settings.ranks.first:
        counts = {d: len(rows) for d, (_, rows) in present.items()}
        about = {"model": model, "network": predictor.network, "counts": counts}
        write_json(folder / ABOUT, about)
        write_json(reports / FOLDER / f"{suite.name}.json", assemble(suite, reports))


def assemble(suite: Suite, reports: Path) -> dict[str, Any]:
    """Build the suite's table from the paper's numbers and from every model scored so far."""
    ours = sorted((reports / FOLDER / suite.name).glob(f"*/{ABOUT}"))
    table = suite.published
    return {
        "suite": suite.name,
        "title": suite.title,
        "source": table.source,
        "datasets": [
            {"id": p.dataset, "split": p.split, "expected": p.expected} for p in suite.datasets
        ],
        "protocols": list(suite.protocols),
        "notes": list(table.notes),
        "rows": _published_rows(suite) + [row for path in ours for row in _our_rows(suite, path)],
    }


def _published_rows(suite: Suite) -> list[dict[str, Any]]:
    parts = {p.dataset: p for p in suite.datasets}
    rows = []
    for row in suite.published.rows:
        part = parts[row.dataset]
        values = {k: v for k, v in asdict(row).items() if k != "match"}
        where = {"split": part.split, "count": None, "expected": part.expected, "partial": False}
        rows.append({"source": "published", **values, **where})
    return rows


def _our_rows(suite: Suite, about_file: Path) -> list[dict[str, Any]]:
    about = json.loads(about_file.read_text())
    metrics = json.loads(about_file.with_name("metrics.json").read_text())
    return [
        _our_row(suite, part, about, protocol, values)
        for part in suite.datasets
        for protocol, values in metrics.get(part.dataset, {}).items()
    ]


def _our_row(
    suite: Suite,
    part: suites.SuiteDataset,
    about: Mapping[str, Any],
    protocol: str,
    metrics: Mapping[str, float],
) -> dict[str, Any]:
    count = about["counts"][part.dataset]
    model, network = about["model"], about["network"]
    return {
        "system": model,
        "source": "ours",
        "category": "",
        "dataset": part.dataset,
        "split": part.split,
        "protocol": protocol,
        "protocol_stated": True,
        "metrics": dict(metrics),
        "network": network,
        "count": count,
        "expected": part.expected,
        "partial": count != part.expected,
        "difference": suite.published.differences(part.dataset, protocol, network, model, metrics),
        "note": "",
    }


def _file_name(model: str) -> str:
    """Turn MODEL into the name of a folder."""
    return re.sub(r"[^\w.-]+", "_", model).strip("._") or "model"


def run_suites(
    models: list[str],
    size: tuple[int, int],
    root: str = "data/raw",
    only: list[str] | None = None,
    partial: bool = False,
    batch_size: int | None = None,
    threads: int = 2,
    device: str = "cpu",
    workers: int = 0,
    latitude_from: DatasetLocation | None = None,
    reports: str = "reports",
    options: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Run every suite with every model whose kind of map it can score.

    Args:
        models: MODELs of docs/evaluation.md.
        size: Height and width of what models see and are scored at.
        root: Holds a folder per data set.
        only: Ids of suites; all if None.
        partial: Score although images or data sets are missing, and mark the result.
        batch_size: Panoramas per forward pass; chosen by the size and the kind of device if None.
        threads: CPU threads; fixes the last digits.
        device: Where models run: auto, cpu or cuda.
        workers: Processes that read samples.
        latitude_from: Training set of the latitude baseline.
        reports: Where results go.
        options: Data set -> options of its reader; the stage takes `datasets.<id>.options`.
    """
    set_threads(threads)
    wanted = [suites.get(name) for name in only or suites.SUITES]
    with ranks() as here:
        settings = ScoringSettings((), size, batch_size, choose_device(device), workers, here)
        for model in models:
            predictor = resolve(model, latitude_from, size)
            for suite in wanted:
                try:
                    run_suite(
                        suite,
                        model,
                        predictor,
                        Path(root),
                        settings,
                        Path(reports),
                        partial,
                        options,
                    )
                except NotScoreableError as reason:
                    _LOG.warning("%s is not in suite %s: %s", model, suite.name, reason)


def main(argv: Sequence[str]) -> None:
    """Run `python -m experiments.benchmark.suites.stage [--key value]`."""
    with report_bad_input(params.DATASETS):
        options = params.reader_options()
    given = ["--options", json.dumps(options)] if options else []
    run_stage(run_suites, "suites", [*given, *argv])


if __name__ == "__main__":
    main(sys.argv[1:])
