"""`make rehearsal`, or `python -m benchmarks.rehearsal [--folder DIR] [--again GLOB]`.

Runs every stage of dvc.yaml under params.rehearsal.yaml, audits every data set, runs every row of
the ablations (first seed, full scale), their tables and the report, in a folder of its own: data/
and runs/ of the pipeline are not touched. It goes past failures, skips what an earlier call has
done, and ends with `rehearsal.md`.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from dvc.utils.hydra import apply_overrides

from benchmarks.rehearsal import expected, hub_models, plan, processes
from benchmarks.rehearsal.processes import CommandResult, Job
from benchmarks.rehearsal.record import Record
from benchmarks.rehearsal.schedule import JobSequence, drive
from experiments.ablations import AblationRun, read_queue, runs
from experiments.pipeline import overlay, params
from experiments.pipeline.closure.stages import Command

ROOT = Path(__file__).parents[2]
OVERLAY = ROOT / "params.rehearsal.yaml"
MARKER = ".rehearsal"
FIXED = ("data/raw", "data/weights", "data/teachers")
"""What no ablation makes again: linked into its folder."""


class RehearsalError(ValueError):
    """The folder is not one of a rehearsal."""


def prepare(folder: Path) -> None:
    """Make the folder: values, and models in the place of those of the hub."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).is_file():
        raise RehearsalError(f"{folder} holds other files, expected an empty or a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    # whatever the papers' pipeline can run, it runs here
    written = overlay.compose(OVERLAY, overlay.alternatives(params.read_params(OVERLAY)))
    values = folder / "params.yaml"
    if values.is_file() and values.read_text() == written:
        return
    for name in ("packages", "dvc.yaml"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(ROOT / name)
    hub_models.write_all(OVERLAY, folder)
    values.write_text(written)  # last: it says that the folder is whole


def run_stage(
    command: Command, folder: Path, record: Record, name: str, **environment: str
) -> Generator[Job, CommandResult, bool]:
    """Run one stage as DVC does: what it reads is there, what it makes is removed before."""
    absent = plan.missing(command, folder)
    if absent:
        record.blocked(name, f"no {', '.join(absent)}")
        return False
    for place in command.writes:
        target = folder / place
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    log = folder / "logs" / f"{command.name.replace('/', '_')}.log"
    outcome = yield Job(command.module, command.words, folder, log, environment)
    unmade = [place for place in command.writes if not (folder / place).exists()]
    reason = _last_line(log) if outcome.code else f"made no {', '.join(unmade)}" if unmade else ""
    record.ran(name, outcome, reason)
    return not reason


def run_command(name: str, module: str, words: str, folder: Path, record: Record) -> JobSequence:
    """Run a command that is no stage, in the folder."""
    log = folder / "logs" / f"{name.replace('/', '_').replace(' ', '_')}.log"
    outcome = yield Job(module, words.split(), folder, log)
    record.ran(name, outcome, _last_line(log) if outcome.code else "")


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return (lines[-1] if lines else "no output")[-300:]


def run_row(
    run: AblationRun, folder: Path, place: Path, before: Mapping[str, Any], record: Record
) -> JobSequence:
    """Run one ablation in a copy of the folder, with the stages that it changes."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "data", place / "data", copy_function=os.link,
                    ignore=lambda at, _: _fixed(folder, Path(at)))  # fmt: skip
    for name in FIXED:
        (place / name).symlink_to(folder / name)
    for name in ("runs", "reports"):
        if (folder / name).is_dir():
            shutil.copytree(folder / name, place / name, copy_function=os.link)
    for name in ("packages", "dvc.yaml"):
        (place / name).symlink_to(ROOT / name)
    shutil.copy(folder / "params.yaml", place)
    apply_overrides(str(place / "params.yaml"), list(run.overrides))
    now = params.read_params(place / "params.yaml")
    as_dvc = {"DVC_EXP_NAME": run.name, "DVC_ROOT": str(folder)}  # as `dvc exp run --temp` has them
    for command in plan.to_repeat(plan.in_order(ROOT, now), before, now, run.target):
        name = f"{run.name}: {command.name}"
        if not (yield from run_stage(command, place, record, name, **as_dvc)):
            return
    shutil.rmtree(place)


def _fixed(folder: Path, at: Path) -> set[str]:
    return {Path(name).name for name in FIXED if folder / Path(name).parent == at}


class Rehearsal:
    """What is rehearsed, in order.

    Args:
        folder: Of the rehearsal.
        again: Glob over names: run these though they ran.
        slots: How many stages may run at once.
    """

    def __init__(self, folder: Path, again: str, slots: int) -> None:
        self.folder, self.again, self.slots = folder, again, slots
        self.record = Record(folder)
        self.sections = params.read_params(folder / "params.yaml")
        self.order = plan.in_order(ROOT, self.sections)

    def due(self, name: str) -> bool:
        """Whether something has to run."""
        return not self.record.done(name) or fnmatch(name, self.again)

    def stages(self) -> None:
        """Run every stage that is due, each after those it reads from."""
        waiting, free = plan.Waiting(self.order), deque[Command]()

        def one(command: Command) -> JobSequence:
            if self.due(command.name):
                yield from run_stage(command, self.folder, self.record, command.name)
            waiting.done(command)

        def following() -> JobSequence | None:
            free.extend(waiting.ready())
            return one(free.popleft()) if free else None

        drive(following, self.slots)

    def audits(self) -> None:
        """Open every rendered data set as `panodepth audit` does."""
        named = {n: w.get("dataset", n) for n, w in self.sections["worlds"].items()}
        self._all(
            run_command(f"audit@{name}", "panodepth", f"audit {dataset} data/raw/{name}",
                        self.folder, self.record)
            for name, dataset in named.items()
            if self.due(f"audit@{name}")
        )  # fmt: skip

    def rows(self) -> None:
        """Run the first seed of every row of the ablations at full scale."""
        queue = read_queue()
        self._all(
            run_row(run, self.folder, self.folder / "ablations" / run.name, self.sections,
                    self.record)
            for run in runs(queue, small=False)
            if run.seed == min(queue[run.group]["rows"][run.row]["seeds"])
            and (self.due(f"{run.name}: {run.target}") or fnmatch(run.name, self.again))
        )  # fmt: skip

    def report(self) -> None:
        """Tabulate the ablations, report once more, and look for what the report must hold."""
        [command] = [c for c in self.order if c.name == "report"]

        def both() -> JobSequence:
            yield from run_command(
                "ablations table", "experiments.ablations", "table --full", self.folder, self.record
            )
            yield from run_stage(command, self.folder, self.record, "report, with ablations")

        self._all([both()])
        missing = expected.missing(self.folder / "reports", self.sections)
        self.record.looked("every row of the report", "; ".join(missing))

    def _all(self, works: Iterable[JobSequence]) -> None:
        following = iter(works)
        drive(lambda: next(following, None), self.slots)


def main(argv: Sequence[str] | None = None) -> int:
    """Rehearse; 0 if every stage and every row ran, 1 if one did not."""
    parser = argparse.ArgumentParser("python -m benchmarks.rehearsal", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".runs/rehearsal"))
    parser.add_argument("--again", default="", help="glob over names: run these though they ran")
    parser.add_argument("--stages-only", action="store_true", help="without the ablations")
    parser.add_argument("--processes", type=int, default=2, help="stages at once (default: 2)")
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    try:
        prepare(folder)
    except RehearsalError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    start = time.monotonic()
    processes.preload()
    rehearsal = Rehearsal(folder, arguments.again, arguments.processes)
    record = rehearsal.record
    record.note("imports", time.monotonic() - start)
    rehearsal.stages()
    rehearsal.audits()
    if not arguments.stages_only:
        rehearsal.rows()
        rehearsal.report()
    record.note_call(time.monotonic() - start)
    (folder / "rehearsal.md").write_text(record.table())
    sys.stdout.write(record.table())
    sys.stdout.write(json.dumps(record.summary()) + "\n")
    return int(bool(record.failed()))


if __name__ == "__main__":
    sys.exit(main())
