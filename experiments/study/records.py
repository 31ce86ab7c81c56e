"""Finished runs as text: what a study has found outlives the machine that found it.

`experiments/study/records/<scale>.jsonl` has a line for each run: the steps that led to it, as
they were noted, and the scores of every image in the metrics of the claims. `run`, `status` and
`report` take from it what their folder lacks. Weights are not in it: where other runs start from
those of a recorded one, they are trained again.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from experiments.study.claims import Study
from experiments.study.plan import StudyRun
from experiments.study.results import DONE, RECORDED, TABLE, StudyRuns, StudyStore, finished
from pano_data import replace_file, write_json, write_text

KEYS = ("dataset", "protocol", "key")
FOLDER = Path(__file__).with_name("records")
DIGITS = 7
"""Of a score: one more than float32 has."""


def record_runs(
    study: Study, scale: str, runs: StudyRuns, store: StudyStore, folder: Path = FOLDER
) -> int:
    """Write the finished runs of a scale, beside those that were recorded before.

    A run that was recorded under other settings stays in the file, after the others.

    Args:
        study: The claims: their metrics are kept.
        scale: Name of the scale, and of the file.
        runs: All runs of the scale, by arm and seed.
        store: Where they lie.
        folder: Of the file.

    Returns:
        How many runs of today's settings the file has.
    """
    found = {}
    for run in finished(runs, store).values():
        steps = {step.folder: _bare(store.record(step)) for step in run.last.chain}
        found[run.last.folder] = {
            "arm": run.arm.name, "seed": run.seed, "last": run.last.folder,
            "steps": steps, "scores": _scores(study, run, store),
        }  # fmt: skip
    before = {line["last"]: line for line in read_records(scale, folder)}
    kept = [line for last, line in before.items() if last not in found]
    lines = sorted(found.values(), key=lambda line: (line["arm"], line["seed"])) + kept
    folder.mkdir(parents=True, exist_ok=True)
    write_text(_file(scale, folder), "".join(json.dumps(line) + "\n" for line in lines))
    return len(found)


def read_records(scale: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Return the recorded runs of a scale, as they are in the file; none where there is no file."""
    path = _file(scale, folder)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def restore_runs(
    scale: str, runs: Sequence[StudyRun], store: StudyStore, folder: Path = FOLDER
) -> tuple[int, int]:
    """Make the folders of recorded runs that a study's folder lacks: notes and scores.

    Args:
        scale: Name of the scale.
        runs: The runs that are wanted.
        store: Where they shall lie.
        folder: Of the file.

    Returns:
        Runs that were restored, and recorded runs that do not count because the settings of the
        pipeline or of the claims have changed since.
    """
    wanted = {run.last.folder: run for run in runs}
    known = {(run.arm.name, run.seed) for run in runs}
    restored = changed = 0
    for line in read_records(scale, folder):
        run = wanted.get(line["last"])
        if run is None:
            changed += (line["arm"], line["seed"]) in known
        elif store.record(run.last) is None:
            _restore(line, run, store)
            restored += 1
    return restored, changed


def _restore(line: Mapping[str, Any], run: StudyRun, store: StudyStore) -> None:
    rows = [
        {"dataset": dataset, "protocol": protocol, "key": key, metric: value}
        for dataset, protocols in line["scores"].items()
        for protocol, metrics in protocols.items()
        for metric, values in metrics.items()
        for key, value in values.items()
    ]
    path = store.scores(run) / TABLE
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as part:
        # one row for each image under a protocol, whichever metrics are kept of it
        pd.DataFrame(rows).groupby([*KEYS], sort=False).first().reset_index().to_parquet(part)
    for step in run.last.chain:  # the evaluation comes last: only then is the run finished
        if store.record(step) is None:
            store.folder(step).mkdir(parents=True, exist_ok=True)
            write_json(store.folder(step) / DONE, {**line["steps"][step.folder], RECORDED: True})


def _scores(study: Study, run: StudyRun, store: StudyStore) -> dict[str, Any]:
    """Return data set -> protocol -> metric -> image -> score, as far as claims ask for them."""
    table = pd.read_parquet(store.scores(run) / TABLE)
    found: dict[str, Any] = {}
    for claim in study.claims.values():
        if run.arm.name not in claim.all_arms:
            continue
        for name in claim.test:
            rows = table[(table["dataset"] == name) & (table["protocol"] == claim.protocol)]
            values = rows.set_index("key")[claim.metric].dropna()
            protocols = found.setdefault(name, {}).setdefault(claim.protocol, {})
            protocols[claim.metric] = {k: float(f"{v:.{DIGITS}g}") for k, v in values.items()}
    return found


def _bare(record: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v for k, v in (record or {}).items() if k != RECORDED}


def _file(scale: str, folder: Path) -> Path:
    return folder / f"{scale}.jsonl"
