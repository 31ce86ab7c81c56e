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

from experiments.benchmark.evaluate.execution import choose_device, ranks
from experiments.benchmark.evaluate.result_folder import score_datasets
from experiments.benchmark.evaluate.score import NotScoreableError, ScoringSettings
from experiments.benchmark.models.resolve import DatasetLocation, ScoredModel, resolve
from experiments.benchmark.suites import catalogue as suites
from experiments.benchmark.suites.catalogue import Suite, SuiteError
from experiments.pipeline import params
from experiments.pipeline.held_out import seen_suites
from experiments.pipeline.processes import set_threads
from experiments.pipeline.run_folder import FINISHED
from experiments.pipeline.stage import report_bad_input, run_stage
from pano_data import DatasetNotFoundError, Manifest, ManifestDataset, remove_parts, write_json
from pano_models import CheckpointError, ModelNotFoundError

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
    absent_marked: bool = False,
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
        absent_marked: An absent data set is a row that says so, and no error.

    Raises:
        SuiteError: Not the images that the suite needs, or none at all.
        DatasetNotFoundError: A data set is absent, and not `partial`.
        NotScoreableError: No protocol of the suite scores this kind of map.
    """
    # All counts first: a refusal must not come after hours.
    present, absent = survey(suite, root, partial, options, absent_marked)
    if not present and not absent_marked:
        raise SuiteError(
            f"{root} holds none of {', '.join(absent)}, expected a folder per data set"
        )
    data = {d: ManifestDataset(rows, root / d, settings.size) for d, rows in present.items()}
    folder = reports / FOLDER / suite.name / _file_name(model)
    settings = replace(settings, protocols=suite.protocols)
    if data:
        score_datasets(predictor, data, settings, folder, pictures=False)  # `evaluate` has them
    counts = {d: len(rows) for d, rows in present.items()}
    _note(suite, model, predictor, settings, reports, counts, absent if absent_marked else {})


def survey(
    suite: Suite,
    root: Path,
    partial: bool = False,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    absent_marked: bool = False,
) -> tuple[dict[str, Manifest], dict[str, str]]:
    """Return the rows of the data sets that are there, and why the others are not.

    Raises:
        SuiteError: Not the images that the suite needs, and not `partial`.
        DatasetNotFoundError: A data set is absent, and neither `partial` nor `absent_marked`.
    """
    present, absent = {}, {}
    for part in suite.datasets:
        try:
            rows = part.rows(root, partial, (options or {}).get(part.dataset))
        except DatasetNotFoundError:
            if not absent_marked:
                raise
            rows = None
        if rows is None:
            absent[part.dataset] = f"{part.dataset}, split {part.split!r}, is not there"
        else:
            present[part.dataset] = rows
    return present, absent


def refuse_seen(
    suite: Suite, model: str, predictor: ScoredModel, settings: ScoringSettings, reports: Path
) -> None:
    """Write the rows of a model that was trained on the suite's test set: none has a number."""
    reason = f"trained on test sets of {suite.name} (`seen_suites` of its section)"
    absent = {part.dataset: reason for part in suite.datasets}
    _note(suite, model, predictor, settings, reports, {}, absent)


def _note(
    suite: Suite,
    model: str,
    predictor: ScoredModel,
    settings: ScoringSettings,
    reports: Path,
    counts: Mapping[str, int],
    absent: Mapping[str, str],
) -> None:
    """Say what was scored, and assemble the suite's table again."""
    if not settings.ranks.first:
        return
    about = {"model": model, "network": predictor.network, "counts": counts, "absent": absent}
    _write(reports / FOLDER / suite.name / _file_name(model) / ABOUT, about)
    _write(reports / FOLDER / f"{suite.name}.json", assemble(suite, reports))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write a file, and remove what a killed process left of it."""
    remove_parts(path)
    write_json(path, content)


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
        "comparable": table.comparable,
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
    scored = about_file.with_name("metrics.json")
    metrics = json.loads(scored.read_text()) if about["counts"] else {}
    absent = about.get("absent", {})
    return [
        _our_row(suite, part, about, protocol, values)
        for part in suite.datasets
        if part.dataset in about["counts"]
        for protocol, values in metrics.get(part.dataset, {}).items()
    ] + [
        _our_row(suite, part, about, suite.protocols[0], {}, absent[part.dataset])
        for part in suite.datasets
        if part.dataset in absent
    ]


def _our_row(
    suite: Suite,
    part: suites.SuiteDataset,
    about: Mapping[str, Any],
    protocol: str,
    metrics: Mapping[str, float],
    note: str = "",
) -> dict[str, Any]:
    count = about["counts"].get(part.dataset, 0)
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
        "note": note,
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

    An absent data set, and a suite whose test sets a model was trained on, are rows that say so.

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
        for suite in wanted:  # a set of another size is refused before the first score
            survey(suite, Path(root), partial, options, absent_marked=True)
        for model in models:
            predictor = resolve(model, latitude_from, size)
            seen = seen_suites(FINISHED / model) + seen_suites(model)
            for suite in wanted:
                if suite.name in seen:
                    refuse_seen(suite, model, predictor, settings, Path(reports))
                    continue
                try:
                    run_suite(suite, model, predictor, Path(root), settings, Path(reports), partial,
                              options, absent_marked=True)  # fmt: skip
                except NotScoreableError as reason:
                    _LOG.warning("%s is not in suite %s: %s", model, suite.name, reason)


def main(argv: Sequence[str]) -> None:
    """Run `python -m experiments.benchmark.suites.stage [--key value]`."""
    with report_bad_input(params.DATASETS):
        options = params.reader_options()
    given = ["--options", json.dumps(options)] if options else []
    run_stage(
        run_suites, "suites", [*given, *argv], CheckpointError, ModelNotFoundError, SuiteError
    )


if __name__ == "__main__":
    main(sys.argv[1:])
