"""What the study's runs leave: a folder for each step, and their scores by seed and image.

The folder of a step has links to what the step reads.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.pipeline.params import PARAMS_FILE
from experiments.pipeline.revision import REPO
from experiments.study.claims import Claim
from experiments.study.plan import Step, StudyRun, overlaps
from experiments.study.statistics import ArmScores
from experiments.study.values import write_values
from pano_data import write_json

DONE = "done.json"
FAILED = "failed.json"
LOG = "log.txt"
RECORDED = "recorded"
STATE = ".runs"
KINDS = ("data/raw", "data/manifests")


class MissingDataError(RuntimeError):
    """The pipeline has not made what the study starts from."""


@dataclass(frozen=True)
class StudyStore:
    """Where a study lies.

    Attributes:
        root: Folder of its results.
        pipeline: Root of a clone whose `data/` was made under the values of the scale.
    """

    root: Path
    pipeline: Path = REPO

    def folder(self, step: Step) -> Path:
        """Return the folder of a step."""
        return self.root / "steps" / step.folder

    def record(self, step: Step) -> dict[str, Any] | None:
        """Return what was noted of a finished step; None where it is not finished."""
        path = self.folder(step) / DONE
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
        return found

    def made(self, step: Step) -> bool:
        """Tell whether a step is finished and its products are here, not its record alone."""
        record = self.record(step)
        return record is not None and not record.get(RECORDED)

    def scores(self, run: StudyRun) -> Path:
        """Return the folder of the scores of a run."""
        return self.root / "steps" / run.scores

    def finish(self, step: Step, record: Mapping[str, Any]) -> None:
        """Note that a step is finished, and drop what only its resumption needed."""
        folder = self.folder(step)
        for checkpoint in (folder / STATE).glob("*/*/last.ckpt"):
            checkpoint.unlink()
        drop_links(folder)
        (folder / FAILED).unlink(missing_ok=True)
        write_json(folder / DONE, dict(record))

    def prepare(self, step: Step) -> Path:
        """Make the folder of a step: values, and links to all that it reads.

        What an interrupted step has left stays: it is resumed.

        Raises:
            MissingDataError: Products of the pipeline are not there.
        """
        missing = sorted(p for p in step.linked if not (self.pipeline / p).exists())
        if missing:
            raise MissingDataError(
                f"{step.name} starts from {', '.join(missing)} below {self.pipeline}: not there; "
                "make it first (`dvc repro manifest depth_anywhere_masks da2_curate check_teacher`;"
                " with the overlay of the scale in params.yaml), or name another clone (--pipeline)"
            )
        folder = self.folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        write_values(step.values, folder / PARAMS_FILE)
        made = {out: self.folder(s) / out for s in step.before for out in s.outputs}
        made |= {
            f"{STATE}/{s.trains}": self.folder(s) / STATE / s.trains
            for s in step.before
            if s.trains
        }
        for out, source in made.items():
            _link(folder / out, source)
        taken = [*made, *step.outputs]
        theirs = [*step.linked]
        for kind in KINDS:
            theirs += [f"{kind}/{p.name}" for p in (self.pipeline / kind).glob("*")]
        for path in dict.fromkeys(theirs):
            if not any(overlaps(path, other) for other in taken) and not path.startswith(
                "packages"
            ):
                _link(folder / path, self.pipeline / path)
        _link(folder / "packages", REPO / "packages")
        return folder


def drop_links(folder: Path) -> None:
    """Take the links out of a folder: what is left is what its step made, for DVC to keep."""
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    for link in links:
        link.unlink()
        for parent in link.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _link(link: Path, source: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        if link.readlink() == source.resolve():
            return
        link.unlink()
    link.symlink_to(source.resolve())


TABLE = "per_image.parquet"
StudyRuns = Mapping[tuple[str, int], StudyRun]
"""Runs by arm and seed."""


@dataclass(frozen=True)
class ContrastScores:
    """Scores of the arms of a contrast.

    Attributes:
        seeds: Seeds that all arms have finished.
        sets: Scores by test set, rows in the order of `seeds`.
        keys: Names of the images, by test set.
        left_out: Seeds that do not count, each with the reason.
    """

    seeds: tuple[int, ...]
    sets: Mapping[str, ArmScores]
    keys: Mapping[str, tuple[str, ...]]
    left_out: Mapping[int, str]


def finished(runs: StudyRuns, store: StudyStore) -> StudyRuns:
    """Return the runs whose scores are there."""
    return {k: run for k, run in runs.items() if store.record(run.last) is not None}


def measure(
    claim: Claim, arms: Sequence[str], done: StudyRuns, store: StudyStore
) -> ContrastScores:
    """Read the scores of arms for the seeds that all of them have finished.

    A seed whose arms were trained by different code is left out, and so is an image that an arm
    could not be scored on with a seed.

    Args:
        claim: Names metric and test sets.
        arms: The arms.
        done: Finished runs.
        store: Where they lie.
    """
    seeds, left_out = [], {}
    for seed in sorted({seed for arm, seed in done if arm in arms}):
        runs = [done[arm, seed] for arm in arms if (arm, seed) in done]
        if len(runs) < len(arms):
            continue
        if len({(code_of(run, store)) for run in runs}) > 1:
            left_out[seed] = "arms trained by different code"
        else:
            seeds.append(seed)
    sets, keys = {}, {}
    for name in claim.test if seeds else ():
        columns = {
            (arm, seed): image_scores(store.scores(done[arm, seed]), name, claim)
            for arm in arms
            for seed in seeds
        }
        table = pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan).dropna()
        keys[name] = tuple(str(key) for key in table.index)
        sets[name] = ArmScores({arm: table[arm][seeds].to_numpy(np.float64).T for arm in arms})
    return ContrastScores(tuple(seeds), sets, keys, left_out)


def code_of(run: StudyRun, store: StudyStore) -> tuple[str, ...]:
    """Return the code that the trainings of a run were made by."""
    steps = [step for step in run.last.chain if step.trains == run.arm.section]
    return tuple(str((store.record(step) or {}).get("code")) for step in steps)


def image_scores(folder: Path, dataset: str, claim: Claim) -> pd.Series:
    """Return the metric of a claim by image, of one run on one test set."""
    table = _table(folder / TABLE)
    rows = table[(table["dataset"] == dataset) & (table["protocol"] == claim.protocol)]
    return rows.set_index("key")[claim.metric]


@cache
def _table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)
