"""Commands of stages, each in a process forked from one that has imported everything already.

A stage starts in 50 ms instead of the 20 s that torch, Lightning and MLflow take to import.
"""

import importlib
import os
import runpy
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pano_data import workers

PRELOADED = (
    "experiments.training.cli", "experiments.da2.task", "experiments.dap.task",
    "experiments.dap.discriminator_task", "experiments.depth_anywhere.task",
    "experiments.depth_anywhere.metric_task", "experiments.depth_anywhere.teacher_task",
    "experiments.da2.curate", "experiments.dap.label", "experiments.dap.curate",
    "experiments.benchmark.evaluate.stage", "experiments.benchmark.suites.stage",
    "experiments.benchmark.gallery", "experiments.benchmark.cost.stage",
    "experiments.benchmark.report.stage", "experiments.ablations", "panodepth.audit",
    "pano_worlds.miniatures.studios", "pano_models", "pano_data.transforms", "transformers",
)  # fmt: skip


@dataclass(frozen=True)
class CommandResult:
    """How a command ended.

    Attributes:
        code: Exit status.
        wall_s: Seconds by the clock.
        cpu_s: Seconds of all its cores, children included.
        memory_mb: Largest resident memory.
    """

    code: int
    wall_s: float
    cpu_s: float
    memory_mb: float


def preload() -> None:
    """Import what stages import; no thread may be started before the forks."""
    for name in PRELOADED:
        importlib.import_module(name)
    workers.METHOD = "fork"  # pools of a stage share the imports too


@dataclass(frozen=True)
class Job:
    """A command of a stage.

    Attributes:
        module: What `python -m` would start.
        words: Its arguments.
        folder: Where it runs.
        log: What it prints goes there.
        environment: Further environment variables.
    """

    module: str
    words: Sequence[str]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)


_STARTED: dict[int, float] = {}


def start(job: Job) -> int:
    """Start a job in a process of its own; return its id."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    begun = time.monotonic()
    child = os.fork()
    if child == 0:
        _become(job)
    _STARTED[child] = begun
    return child


def wait() -> tuple[int, CommandResult]:
    """Wait for one of the jobs that were started; return its id and how it ended."""
    child, status, usage = os.wait4(-1, 0)
    cpu = usage.ru_utime + usage.ru_stime
    clock = time.monotonic() - _STARTED.pop(child)
    return child, CommandResult(
        os.waitstatus_to_exitcode(status), clock, cpu, usage.ru_maxrss / 1024
    )


def _become(job: Job) -> None:
    code = 1
    try:
        out = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(job.folder)
        os.environ |= {"DVC_ROOT": str(job.folder), **job.environment}
        sys.argv = [job.module, *job.words]
        runpy.run_module(job.module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        if isinstance(stop.code, str):
            sys.stderr.write(stop.code)
    except BaseException:  # noqa: BLE001 - the child ends here, whatever it met
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
