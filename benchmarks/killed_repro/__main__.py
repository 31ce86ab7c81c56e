"""Two nodes under `dvc repro`, killed in the middle of every kind of stage: the same bytes.

`uv run python -m benchmarks.killed_repro` runs a stage that curates, one that masks, one that
labels, a training of two ranks and an evaluation, once by `dvc repro` in one process per stage and
once by `scripts/repro_ranks.sh` as two nodes on the loopback device. There, every stage is killed
(SIGKILL to every process) when its first results lie on disk, and `dvc repro` is given again.
Writes docs/benchmarks/killed_repro.md with `--write`.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from benchmarks.killed_repro.pipeline import COUNT, STAGES, STEPS, UNEQUAL, prepare
from tests.experiments import tiny

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "docs" / "benchmarks" / "killed_repro.md"
NODES, PROCESSES = 2, 1
LIMIT_S = 900.0
HALF_WRITTEN = {".part", ".partial", ".tmp"}
"""Parts of the names of files that are being written: `.a.png.x1y2.part.png`, say."""


class Killed(NamedTuple):
    """A stage that was killed.

    Attributes:
        stage: Its name.
        done: Results that lay on disk when it was killed; steps of a training.
        kept: Of them, those that the next call did not make again.
        total: Results in the end.
        differing: Files that differ from those of one process that was not killed.
        half_written: Files that are left half written.
    """

    stage: str
    done: int
    kept: int
    total: int
    differing: tuple[str, ...]
    half_written: tuple[str, ...]


class KilledReproError(RuntimeError):
    """A call of DVC failed, or a stage ended before it could be killed."""


def launch(folder: Path, stage: str, nodes: int) -> subprocess.Popen[str]:
    """Start `dvc repro` of one stage."""
    own = {"NODES": str(nodes), "PROCESSES": str(PROCESSES), "LOOPBACK": "1"}
    with (folder / f"{stage}.log").open("a") as log:
        return subprocess.Popen(
            [str(ROOT / "scripts/repro_ranks.sh"), "--single-item", stage], cwd=folder, text=True,
            env={**tiny.environment(folder), **own}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def finish(
    process: subprocess.Popen[str], folder: Path, stage: str, done: dict[str, int] | None = None
) -> dict[str, int]:
    """Wait for a stage to end.

    Args:
        process: Of `launch`.
        folder: See `prepare`.
        stage: Its name.
        done: What lay on disk when it was killed.

    Returns:
        Of `done`, what was not written again.

    Raises:
        KilledReproError: It failed.
    """
    kept, until = dict(done or {}), time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < until:
        now = results(folder, stage)
        kept = {name: at for name, at in kept.items() if now.get(name, at) == at}
        time.sleep(0.02)
    if process.poll() != 0:
        log = (folder / f"{stage}.log").read_text()
        raise KilledReproError(
            f"{stage} in {folder.name} ended with {process.poll()}: {log[-2000:]}"
        )
    return kept


def results(folder: Path, stage: str) -> dict[str, int]:
    """Return what a stage has written, with the time of each file, or the number of each line."""
    about, found = STAGES[stage], {}
    for at, folders, names in os.walk(folder / about.watched):  # past what vanishes meanwhile
        folders[:] = [name for name in folders if not name.startswith(".")]  # unfinished ones
        for path in (Path(at, name) for name in names if name.endswith(about.ending)):
            with suppress(FileNotFoundError):
                if path.suffix == ".jsonl":
                    lines = path.read_bytes().splitlines()
                    found |= {str(number): number for number in range(1, len(lines) + 1)}
                elif not is_half_written(path):
                    found[str(path.relative_to(folder))] = path.stat().st_mtime_ns
    return found


def steps_saved(folder: Path) -> int:
    """Return the steps in the checkpoint of the training."""
    [path] = folder.glob(".runs/training/*/last.ckpt")
    return int(torch.load(path, weights_only=True)["global_step"])


def kill(folder: Path, stage: str) -> dict[str, int]:
    """Start a stage on two nodes and kill all of it once results lie on disk; return these.

    Raises:
        KilledReproError: It ended before.
    """
    process = launch(folder, stage, NODES)
    tree = psutil.Process(process.pid)
    until, enough = time.monotonic() + LIMIT_S, STAGES[stage].enough
    while len(results(folder, stage)) < enough:
        if process.poll() is not None or time.monotonic() > until:
            break
        time.sleep(0.002)
    everyone = [tree, *tree.children(recursive=True)] if process.poll() is None else []
    for each in everyone:
        each.suspend()  # so that no child is started while the others are killed
    for each in everyone:
        os.kill(each.pid, signal.SIGKILL)
    process.wait()
    psutil.wait_procs(everyone, LIMIT_S)  # DVC asks whether those who hold its locks are gone
    done = results(folder, stage)
    if not everyone or not done:
        log = (folder / f"{stage}.log").read_text()
        raise KilledReproError(
            f"{stage}: got {len(done)} results, expected a few when killed: {log[-2000:]}"
        )
    return done


def digests(folder: Path, stage: str) -> dict[str, str]:
    """Return the SHA-256 of every file of a stage's output, but locks."""
    base = folder / STAGES[stage].out
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(base.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
        and (name := path.relative_to(base).as_posix()) not in UNEQUAL.get(stage, ())
    }  # fmt: skip


def is_half_written(path: Path) -> bool:
    """Say whether a file's name says that it is not yet whole."""
    return not HALF_WRITTEN.isdisjoint(path.suffixes)


def half_written(folder: Path) -> tuple[str, ...]:
    """Return the files of unfinished writing that are left in a folder."""
    found = (p for p in folder.rglob("*") if p.is_file() and is_half_written(p))
    return tuple(p.relative_to(folder).as_posix() for p in found)


def rehearse(folder: Path, stages: Sequence[str]) -> list[Killed]:
    """Run stages both ways and compare.

    Raises:
        KilledReproError: See `finish` and `kill`.
    """
    alone, ranks = folder / "alone", folder / "ranks"
    found = []
    for each in (alone, ranks):
        prepare(each)
    for stage in stages:
        whole = launch(alone, stage, 1)
        done = kill(ranks, stage)
        saved = steps_saved(ranks) if stage == "training" else None
        kept = finish(launch(ranks, stage, NODES), ranks, stage, done)
        finish(whole, alone, stage)
        one, other = digests(alone, stage), digests(ranks, stage)
        differing = (name for name in sorted({*one, *other}) if one.get(name) != other.get(name))
        total = {"training": STEPS}.get(stage, COUNT)
        found.append(
            Killed(stage, len(done), len(kept) if saved is None else saved, total,
                   tuple(differing), half_written(ranks))
        )  # fmt: skip
        sys.stderr.write(f"{found[-1]}\n")
    return found


def page(found: list[Killed]) -> str:
    """Return docs/benchmarks/killed_repro.md."""
    rows = "".join(
        f"| {k.stage} | `{STAGES[k.stage].words.split()[0]}` | {k.done} of {k.total} | {k.kept} | "
        f"{len(k.differing)} | {len(k.half_written)} |\n"
        for k in found
    )
    return (
        "# Two nodes under `dvc repro`, killed\n\n"
        f"`python -m benchmarks.killed_repro`: {COUNT} pictures, {NODES} nodes x {PROCESSES} "
        "process on the loopback device, started by\n`scripts/repro_ranks.sh` (the training: "
        f"{STEPS} steps of two ranks, as its section says; the evaluation: one process); SIGKILL "
        "to every\nprocess of DVC, of its launchers and ranks when first results lie on disk, "
        "then the same `dvc repro` again. Compared with the\nsame stages that nobody killed and, "
        "where a stage is shared out, one process ran.\n\n"
        "| stage | module | results (steps) when killed | not made again | files that differ in "
        "the end | half-written files left |\n"
        f"| --- | --- | --- | --- | --- | --- |\n{rows}"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Rehearse; 0 if all bytes are the same and nothing half written is left."""
    parser = argparse.ArgumentParser("python -m benchmarks.killed_repro", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    parser.add_argument(
        "--stages", nargs="+", choices=STAGES, default=list(STAGES),
        help="only these (the evaluation needs the training)",
    )  # fmt: skip
    given = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = rehearse(Path(folder), given.stages)
    sys.stdout.write(page(found))
    if given.write:
        REPORT.write_text(page(found))
    return int(any(k.differing or k.half_written for k in found))


if __name__ == "__main__":
    sys.exit(main())
