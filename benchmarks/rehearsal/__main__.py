"""`make rehearsal`, or `python -m benchmarks.rehearsal [--folder DIR] [--again GLOB]`.

Runs every stage of dvc.yaml under params.rehearsal.yaml, then every row of the ablations (first
seed, full scale), in a folder of its own: data/ and runs/ of the pipeline are not touched. It goes
past failures, skips what an earlier call has done, and ends with `rehearsal.md`.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from dvc.utils.hydra import apply_overrides

from benchmarks.rehearsal import hub_models, plan, processes
from benchmarks.rehearsal.record import Record
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


def run_stage(command: Command, folder: Path, record: Record, name: str) -> bool:
    """Run one stage as DVC does: what it reads is there, what it makes is removed before."""
    absent = plan.missing(command, folder)
    if absent:
        record.blocked(name, f"no {', '.join(absent)}")
        return False
    for place in command.writes:
        target = folder / place
        shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)
    log = folder / "logs" / f"{command.name.replace('/', '_')}.log"
    outcome = processes.run(command.module, command.words, folder, log)
    unmade = [place for place in command.writes if not (folder / place).exists()]
    reason = _last_line(log) if outcome.code else f"made no {', '.join(unmade)}" if unmade else ""
    record.ran(name, outcome, reason)
    return not reason


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return (lines[-1] if lines else "no output")[-300:]


def run_row(
    run: AblationRun, folder: Path, place: Path, before: Mapping[str, Any], record: Record
) -> None:
    """Run one ablation in a copy of the folder, with the stages that it changes."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder / "data", place / "data", copy_function=os.link,
                    ignore=lambda at, _: _fixed(folder, Path(at)))  # fmt: skip
    for name in FIXED:
        (place / name).symlink_to(folder / name)
    shutil.copytree(folder / "runs", place / "runs", copy_function=os.link)
    for name in ("packages", "dvc.yaml"):
        (place / name).symlink_to(ROOT / name)
    shutil.copy(folder / "params.yaml", place)
    apply_overrides(str(place / "params.yaml"), list(run.overrides))
    now = params.read_params(place / "params.yaml")
    for command in plan.to_repeat(plan.in_order(ROOT, now), before, now, run.target):
        name = f"{run.name}: {command.name}"
        if not run_stage(command, place, record, name):
            return
    shutil.rmtree(place)


def _fixed(folder: Path, at: Path) -> set[str]:
    return {Path(name).name for name in FIXED if folder / Path(name).parent == at}


def main(argv: Sequence[str] | None = None) -> int:
    """Rehearse; 0 if every stage and every row ran, 1 if one did not."""
    parser = argparse.ArgumentParser("python -m benchmarks.rehearsal", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".runs/rehearsal"))
    parser.add_argument("--again", default="", help="glob over names: run these though they ran")
    parser.add_argument("--stages-only", action="store_true", help="without the ablations")
    arguments = parser.parse_args(argv)
    folder = arguments.folder.resolve()
    try:
        prepare(folder)
    except RehearsalError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    record = Record(folder)
    start = time.monotonic()
    processes.preload()
    record.note("imports", time.monotonic() - start)
    sections = params.read_params(folder / "params.yaml")
    for command in plan.in_order(ROOT, sections):
        if not record.done(command.name) or fnmatch(command.name, arguments.again):
            run_stage(command, folder, record, command.name)
    for run in () if arguments.stages_only else runs(read_queue(), small=False):
        first = run.seed == min(read_queue()[run.group]["rows"][run.row]["seeds"])
        asked = fnmatch(run.name, arguments.again)
        if first and (asked or not record.done(f"{run.name}: {run.target}")):
            run_row(run, folder, folder / "ablations" / run.name, sections, record)
    (folder / "rehearsal.md").write_text(record.table())
    sys.stdout.write(record.table())
    sys.stdout.write(json.dumps(record.summary()) + "\n")
    return int(bool(record.failed()))


if __name__ == "__main__":
    sys.exit(main())
