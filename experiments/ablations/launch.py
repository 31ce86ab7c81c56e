"""Runs ablations one after the other as DVC experiments, each in a copy of the checkout."""

import os
import subprocess
from collections.abc import Sequence

from experiments.ablations.plan import Run


def command(run: Run) -> list[str]:
    """`dvc exp run` of one row.

    Its own name, its own values, a copy of the checkout as its place.
    """
    values = [part for override in run.overrides for part in ("--set-param", override)]
    return ["dvc", "exp", "run", "--temp", "--name", run.name, *values, run.target]


def finished() -> set[str]:
    """Names of the DVC experiments of this commit that are there already."""
    listed = subprocess.run(
        ["dvc", "exp", "list", "--names-only"], capture_output=True, text=True, check=True
    )
    return set(listed.stdout.split())


def launch(runs: Sequence[Run]) -> list[str]:
    """Run what is not there yet, past failures; return the names of those that failed."""
    done, failed = finished(), []
    for run in runs:
        if run.name in done:
            continue
        environment = {**os.environ, "PIPELINE_ID": "ablations"}
        if subprocess.run(command(run), env=environment, check=False).returncode:
            failed.append(run.name)
    return failed
