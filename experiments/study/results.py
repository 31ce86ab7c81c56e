"""What the finished runs scored, as matrices of seeds and images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.study.claims import Claim
from experiments.study.place import Place
from experiments.study.plan import Run
from experiments.study.statistics import Scores

TABLE = "per_image.parquet"
Runs = Mapping[tuple[str, int], Run]
"""Runs by arm and seed."""


@dataclass(frozen=True)
class Measured:
    """Scores of the arms of a contrast.

    Attributes:
        seeds: Seeds that all arms have finished.
        sets: Scores by test set, rows in the order of `seeds`.
        keys: Names of the images, by test set.
        left_out: Seeds that do not count, each with the reason.
    """

    seeds: tuple[int, ...]
    sets: Mapping[str, Scores]
    keys: Mapping[str, tuple[str, ...]]
    left_out: Mapping[int, str]


def finished(runs: Runs, place: Place) -> Runs:
    """Return the runs whose scores are there."""
    return {k: run for k, run in runs.items() if place.record(run.last) is not None}


def measure(claim: Claim, arms: Sequence[str], done: Runs, place: Place) -> Measured:
    """Read the scores of arms for the seeds that all of them have finished.

    A seed whose arms were trained by different code is left out, and so is an image that an arm
    could not be scored on with a seed.

    Args:
        claim: Names metric and test sets.
        arms: The arms.
        done: Finished runs.
        place: Where they lie.
    """
    seeds, left_out = [], {}
    for seed in sorted({seed for arm, seed in done if arm in arms}):
        runs = [done[arm, seed] for arm in arms if (arm, seed) in done]
        if len(runs) < len(arms):
            continue
        if len({(code_of(run, place)) for run in runs}) > 1:
            left_out[seed] = "arms trained by different code"
        else:
            seeds.append(seed)
    sets, keys = {}, {}
    for name in claim.test if seeds else ():
        columns = {
            (arm, seed): image_scores(place.scores(done[arm, seed]), name, claim)
            for arm in arms
            for seed in seeds
        }
        table = pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan).dropna()
        keys[name] = tuple(str(key) for key in table.index)
        sets[name] = Scores({arm: table[arm][seeds].to_numpy(np.float64).T for arm in arms})
    return Measured(tuple(seeds), sets, keys, left_out)


def code_of(run: Run, place: Place) -> tuple[str, ...]:
    """Return the code that the trainings of a run were made by."""
    steps = [step for step in run.last.chain if step.trains == run.arm.section]
    return tuple(str((place.record(step) or {}).get("code")) for step in steps)


def image_scores(folder: Path, dataset: str, claim: Claim) -> pd.Series:
    """Return the metric of a claim by image, of one run on one test set."""
    table = _table(folder / TABLE)
    rows = table[(table["dataset"] == dataset) & (table["protocol"] == claim.protocol)]
    return rows.set_index("key")[claim.metric]


@cache
def _table(path: Path) -> pd.DataFrame:
    return pd.read_parquet(path)
