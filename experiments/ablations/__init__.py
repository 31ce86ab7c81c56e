"""The papers' ablation rows: the queue file as runs, the runs as DVC experiments, their tables."""

import os
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

QUEUE = Path(__file__).with_name("queue.yaml")
_KEYS = {"paper", "section", "target", "scores", "small", "always", "rows"}
_ROW_KEYS = {"table", "seeds", "set", "small", "full", "scale"}
SCALES = ("small", "full")
RowScores = Mapping[str, Mapping[str, float]]


class QueueError(ValueError):
    """The queue file is not what it should be, or nothing in it was asked for."""


@dataclass(frozen=True)
class AblationRun:
    """One experiment: a row of a table with one seed.

    Attributes:
        group: Table of the queue file.
        row: Row of the table.
        seed: Of weights, order and augmentation of the group's training.
        target: DVC stage that is reproduced.
        overrides: What `dvc exp run -S` is given.
    """

    group: str
    row: str
    seed: int
    target: str
    overrides: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the DVC experiment."""
        return f"{self.group}-{self.row}-s{self.seed}".replace("_", "-")


def read_queue(path: Path = QUEUE) -> dict[str, dict[str, Any]]:
    """Return the groups of the queue file.

    Raises:
        QueueError: A group lacks a key or has one too many.
    """
    groups: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text())
    for name, group in groups.items():
        wrong = (set(group) - _KEYS) | (_KEYS - {"small", "always"} - set(group))
        if wrong:
            raise QueueError(
                f"group {name!r} of {path.name}: got keys {sorted(group)}, expected "
                f"{sorted(_KEYS)}; look at {sorted(wrong)}"
            )
        for row, what in group["rows"].items():
            if set(what) - _ROW_KEYS or what.get("scale") not in (None, *SCALES):
                raise QueueError(
                    f"row {name}.{row} of {path.name}: got {what}, expected keys of "
                    f"{sorted(_ROW_KEYS)}, and a scale of {SCALES}"
                )
    return groups


def runs(
    groups: Mapping[str, Mapping[str, Any]], small: bool = True, only: str = "*"
) -> list[AblationRun]:
    """Return all runs, the first seed of every row before the second of any.

    Args:
        groups: See `read_queue`.
        small: With the overrides that make a row cheap, those of the embedded default; rows of
            another `scale` are left out.
        only: Glob over the names of runs.

    Raises:
        QueueError: No run matches `only`.
    """
    found = sorted(_all(groups, small), key=lambda run: run.seed)
    chosen = [run for run in found if fnmatch(run.name, only)]
    if not chosen:
        raise QueueError(
            f"got --only {only!r}, which fits no run; expected e.g. {[r.name for r in found[:4]]}"
        )
    return chosen


def _all(groups: Mapping[str, Mapping[str, Any]], small: bool) -> Iterator[AblationRun]:
    scale = SCALES[not small]
    for name, group in groups.items():
        base = [*(group.get("small", []) if small else []), *group.get("always", [])]
        for row, what in group["rows"].items():
            if what.get("scale", scale) != scale:
                continue
            own = [*what["set"], *what.get(scale, [])]
            for seed in what["seeds"]:
                seeds = [
                    f"++{group['section']}.{key}={seed}" for key in ("seed_everything", "data.seed")
                ]
                tag = f"++{group['section']}.tags.reproduces='{what['table']}'"
                overrides = (*base, *own, *seeds, tag)
                yield AblationRun(name, row, seed, group["target"], overrides)


def command(run: AblationRun) -> list[str]:
    """Return the `dvc exp run` of one row.

    Its own name, its own values, a copy of the checkout as its place.
    """
    values = [part for override in run.overrides for part in ("--set-param", override)]
    return ["dvc", "exp", "run", "--temp", "--name", run.name, *values, run.target]


def finished() -> set[str]:
    """Return the names of the DVC experiments of this commit that are there already."""
    listed = subprocess.run(
        ["dvc", "exp", "list", "--names-only"], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def launch(runs: Sequence[AblationRun]) -> list[str]:
    """Run what is not there yet, past failures; return the names of those that failed."""
    done, failed = finished(), []
    for run in runs:
        if run.name in done:
            continue
        environment = {**os.environ, "PIPELINE_ID": "ablations"}
        if subprocess.run(command(run), env=environment, check=False).returncode:
            failed.append(run.name)
    return failed


def read_scores(uri: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """`{name of the DVC experiment: {metric: last value}}` of the trainings that were finished."""
    from mlflow import MlflowClient  # takes seconds, and only tables need it

    client = MlflowClient(tracking_uri=uri)
    experiments = [e.experiment_id for e in client.search_experiments()]
    found: dict[str, dict[str, float]] = {}
    for name in names:
        filter_string = f"tags.`dvc.experiment` = '{name}' and attributes.status = 'FINISHED'"
        for run in client.search_runs(experiments, filter_string, order_by=["start_time ASC"]):
            found.setdefault(name, {}).update(run.data.metrics)
    return found


def by_row(
    runs: Sequence[AblationRun], numbers: RowScores
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """`{group: {row: {metric: a value per seed}}}` of all validations, `val/...`."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for run in runs:
        for metric, value in numbers.get(run.name, {}).items():
            if metric.startswith("val/") and metric.count("/") == 3:
                row = found.setdefault(run.group, {}).setdefault(run.row, {})
                row.setdefault(metric, []).append(value)
    return found


def spread(values: Sequence[float]) -> str:
    """Return the mean and, of two and more, sample standard deviation and count."""
    if not values:
        return "not run"
    mean = f"{statistics.fmean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.4f}"


def table(group: Mapping[str, Any], runs: Sequence[AblationRun], numbers: RowScores) -> str:
    """Return the rows of one group: mean ± standard deviation over seeds, and against the first.

    Args:
        group: Group of the queue file.
        runs: Its runs.
        numbers: See `read_scores`.
    """
    scores: Mapping[str, str] = group["scores"]
    lines = [
        "| row | of the paper | seeds | "
        + " | ".join(f"{s}, `{protocol(k)}`" for s, k in scores.items())
        + " |",
        "| --- " * (3 + len(scores)) + "|",
    ]
    for row, what in group["rows"].items():
        mine = [numbers[r.name] for r in runs if r.row == row and r.name in numbers]
        cells = [spread([n[key] for n in mine if key in n]) for key in scores.values()]
        lines.append(f"| `{row}` | {what['table']} | {len(mine)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def protocol(metric: str) -> str:
    """Return the protocol id in the name of a metric, `val/<data set>/<protocol>/<metric>`."""
    return metric.split("/")[2]
