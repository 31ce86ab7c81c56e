"""Two nodes under `dvc repro`, killed in the middle of curation, masks and labels: the same bytes.

`uv run python -m benchmarks.killed_repro` runs the three stages once by `dvc repro` in one process
and once by `scripts/repro_ranks.sh` as two nodes on the loopback device. There, every stage is
killed (SIGKILL to every process) when its first results lie on disk, and `dvc repro` is given
again. Writes docs/benchmarks/killed_repro.md with `--write`.
"""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
import yaml
from dvc.repo import Repo

import pano_models
from pano_data import datasets, write_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.crash.families import LABELER
from tests.experiments import tiny

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "docs" / "benchmarks" / "killed_repro.md"
NODES, PROCESSES, COUNT = 2, 1, 24
SIZE, PICTURE = [64, 128], [48, 64]
LIMIT_S = 300.0
STAGES = {
    "curation": ("experiments.da2.curate", "data/curated", "*.bin"),
    "masks": ("experiments.depth_anywhere.mask", "data/masks", "*.png"),
    "labels": ("experiments.dap.label", "data/pseudo", "*.png"),
}
"""Stage -> module, folder of its output, and what its results look like."""


class Killed(NamedTuple):
    """A stage that was killed.

    Attributes:
        stage: Its name.
        done: Results that lay on disk when it was killed.
        kept: Of them, those that the next call did not write again.
        total: Results in the end.
        differing: Files that differ from those of one process that was not killed.
    """

    stage: str
    done: int
    kept: int
    total: int
    differing: int


class KilledReproError(RuntimeError):
    """A call of DVC failed, or a stage ended before it could be killed."""


def prepare(folder: Path) -> None:
    """Make data, a labeler of random weights, values and a pipeline of three stages."""
    studio = BoxStudio()
    for name, size, split in (("hypersim", PICTURE, "train"), ("folder", SIZE, "unlabelled")):
        raw = folder / "data/raw" / name
        scenes = {split: COUNT}
        miniatures.write(name, raw, seed=1, scenes=scenes, size=tuple(size), studio=studio)
        own = {"masks": "none"} if name == "folder" else {}  # a row holds one mask: the stage's
        rows = datasets.get(name).rows(raw, split, **own)
        write_manifest(folder / f"data/{name}.parquet", rows)
    torch.manual_seed(1)
    pano_models.save(pano_models.create("dap", **LABELER), folder / "data/model")
    frames = {"manifest": "data/folder.parquet", "root": "data/raw/folder", "threads": 1}
    painter = {"class_path": "pano_data.curation.ReflectionOutpainter"}
    sections = {
        "curation": {
            "manifest": "data/hypersim.parquet", "root": "data/raw/hypersim", "chunk": 1,
            "out": STAGES["curation"][1], "picture_size": PICTURE, "p2e": {"size": SIZE},
            "outpainter": painter, "threads": 1,
        },
        "masks": {**frames, "out": STAGES["masks"][1]},
        "labels": {
            **frames, "out": STAGES["labels"][1], "model": "data/model", "size": SIZE,
            "batch_size": 1, "far_threshold": 1.0,
            "trainer": {"accelerator": "cpu", "devices": 1},
        },
    }  # fmt: skip
    stages = {
        name: {
            "cmd": f"python -m {module} {name}",
            "deps": ["data/hypersim.parquet" if name == "curation" else "data/folder.parquet"],
            "params": [name],
            "outs": [{out: {"persist": True, "cache": False}}],
        }
        for name, (module, out, _) in STAGES.items()
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(sections))
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    Repo.init(str(folder), no_scm=True).close()


def launch(folder: Path, stage: str, nodes: int) -> subprocess.Popen[str]:
    """Start `dvc repro` of one stage."""
    own = {"NODES": str(nodes), "PROCESSES": str(PROCESSES), "LOOPBACK": "1"}
    with (folder / f"{stage}.log").open("a") as log:
        return subprocess.Popen(
            [str(ROOT / "scripts/repro_ranks.sh"), "--single-item", stage], cwd=folder, text=True,
            env={**tiny.environment(folder), **own}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip


def finish(folder: Path, stage: str, nodes: int) -> None:
    """Run a stage to its end.

    Raises:
        KilledReproError: It failed.
    """
    code = launch(folder, stage, nodes).wait(LIMIT_S)
    if code:
        log = (folder / f"{stage}.log").read_text()
        raise KilledReproError(f"{stage} on {nodes} nodes ended with {code}: {log[-2000:]}")


def results(folder: Path, stage: str) -> dict[Path, int]:
    """Return what a stage has written, with the time of each file."""
    _, out, pattern = STAGES[stage]
    return {path: path.stat().st_mtime_ns for path in (folder / out).rglob(pattern)}


def kill(folder: Path, stage: str) -> dict[Path, int]:
    """Start a stage on two nodes and kill all of it once results lie on disk; return these.

    Raises:
        KilledReproError: It ended before.
    """
    process = launch(folder, stage, NODES)
    tree = psutil.Process(process.pid)
    until = time.monotonic() + LIMIT_S
    while len(results(folder, stage)) < 2 and process.poll() is None and time.monotonic() < until:
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
        raise KilledReproError(f"{stage}: got {len(done)} results, expected a few when killed")
    return done


def digests(folder: Path, stage: str) -> dict[str, str]:
    """Return the SHA-256 of every file of a stage's output, but locks."""
    base = folder / STAGES[stage][1]
    return {
        path.relative_to(base).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(base.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def rehearse(folder: Path) -> list[Killed]:
    """Run every stage both ways and compare.

    Raises:
        KilledReproError: See `finish` and `kill`.
    """
    alone, ranks = folder / "alone", folder / "ranks"
    found = []
    for each in (alone, ranks):
        prepare(each)
    for stage in STAGES:
        finish(alone, stage, 1)
        done = kill(ranks, stage)
        finish(ranks, stage, NODES)
        after = results(ranks, stage)
        kept = sum(after.get(path) == written for path, written in done.items())
        one, other = digests(alone, stage), digests(ranks, stage)
        differing = sum(one.get(name) != other.get(name) for name in {*one, *other})
        found.append(Killed(stage, len(done), kept, len(after), differing))
        sys.stderr.write(f"{found[-1]}\n")
    return found


def page(found: list[Killed]) -> str:
    """Return docs/benchmarks/killed_repro.md."""
    rows = "".join(
        f"| {k.stage} | `{STAGES[k.stage][0]}` | {k.done} of {k.total} | {k.kept} | "
        f"{k.differing} |\n"
        for k in found
    )
    return (
        "# Two nodes under `dvc repro`, killed\n\n"
        f"`python -m benchmarks.killed_repro`: {COUNT} pictures, {NODES} nodes x {PROCESSES} "
        "process on the loopback device, started by\n`scripts/repro_ranks.sh`; SIGKILL to every "
        "process of DVC, of its launchers and ranks when first results lie on disk, then the same\n"
        "`dvc repro` again. Against one process that nobody killed.\n\n"
        "| stage | module | results when killed | not made again | files that differ in the end |\n"
        f"| --- | --- | --- | --- | --- |\n{rows}"
    )


def main() -> int:
    """Rehearse; 0 if all bytes are the same."""
    parser = argparse.ArgumentParser("python -m benchmarks.killed_repro", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = rehearse(Path(folder))
    sys.stdout.write(page(found))
    if given.write:
        REPORT.write_text(page(found))
    return int(any(k.differing for k in found))


if __name__ == "__main__":
    sys.exit(main())
