"""Throughput of procedural worlds: samples of 256x512 per hour on 1, 2 and 4 processes.

`uv run python benchmarks/worlds.py --worlds 6` prints a table and writes docs/benchmarks/worlds.md.
A sample is one panorama with all its labels, in the camera appearance; making the world and its ray
caster is shared by all of the world's viewpoints, as in a rendered data set.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pano_geometry as pg
from pano_worlds import CAMERA, WorldKind, make_world, miniatures, render

GOAL_PER_HOUR = 20_000
CORES = 4
SIZE = (256, 512)
WRITTEN = (128, 256)
SETS = (("structured3d", "train"), ("dap2m_labelled", "train"))
REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "worlds.md"


@dataclass(frozen=True)
class Work:
    """Times of one world: seconds on the clock and of CPU."""

    kind: str
    samples: int
    make_cpu: float
    render_cpu: tuple[float, ...]


def render_world(task: tuple[WorldKind, int]) -> Work:
    kind, seed = task
    start = time.process_time()
    world = make_world(kind, seed)
    assert world.tracer is not None
    made = time.process_time()
    camera, times = pg.Equirectangular(*SIZE), []
    for number, viewpoint in enumerate(world.viewpoints):
        begin = time.process_time()
        view = render(world, viewpoint, camera, CAMERA, seed=number)
        times.append(time.process_time() - begin)
        assert np.isfinite(view.distance).all()
    return Work(kind, len(times), made - start, tuple(times))


def timed(processes: int, worlds: int) -> tuple[float, list[Work]]:
    tasks: list[tuple[WorldKind, int]] = [
        (k, s) for s in range(1000, 1000 + worlds) for k in ("indoor", "outdoor")
    ]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(render_world, tasks[:processes], chunksize=1)
        start = time.perf_counter()
        work = pool.map(render_world, tasks, chunksize=1)
        return time.perf_counter() - start, work


def row(processes: int, wall: float, work: list[Work]) -> str:
    samples = sum(w.samples for w in work)
    cpu = sum(w.make_cpu + sum(w.render_cpu) for w in work) / samples
    load = os.getloadavg()[0]
    return (
        f"| {processes} | {samples} | {wall:.1f} | {3600 * samples / wall:,.0f} | {cpu:.3f} | "
        f"{load:.1f} |"
    )


def kinds(work: list[Work]) -> list[str]:
    lines = []
    for kind in ("indoor", "outdoor"):
        mine = [w for w in work if w.kind == kind]
        make = statistics.median(w.make_cpu for w in mine)
        one = statistics.median(t for w in mine for t in w.render_cpu)
        views = mine[0].samples
        lines.append(f"| {kind} | {make:.3f} | {one:.3f} | {make / views + one:.3f} |")
    return lines


def written(name: str, split: str, views: int) -> float:
    """Return CPU seconds per panorama of 128x256 that is made, rendered and written."""
    with tempfile.TemporaryDirectory() as folder:
        miniatures.write(name, Path(folder) / "first", scenes={split: 1}, size=WRITTEN)
        start = time.process_time()
        scenes = {split: 12 // views}
        miniatures.write(name, Path(folder) / "tree", 1, scenes, views, WRITTEN)
        return (time.process_time() - start) / 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=6, help="worlds of each kind per run")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    args = parser.parse_args()
    runs = [(n, *timed(n, args.worlds)) for n in args.processes]
    text = "\n".join(
        [
            "# Throughput of procedural worlds",
            "",
            f"`benchmarks/worlds.py`; {SIZE[0]}x{SIZE[1]} panoramas with all labels, camera "
            f"appearance, {args.worlds} worlds of",
            f"each kind. Goal: {GOAL_PER_HOUR:,} samples per hour on {CORES} cores, that is "
            f"{3600 * CORES / GOAL_PER_HOUR:.2f} s of CPU per sample.",
            f"Machine: {os.cpu_count()} cores, {platform.machine()}, Python "
            f"{platform.python_version()}, numpy {np.__version__}.",
            "The load column is the machine's load average after the run: above the number of "
            "processes, other",
            "programs took part of the cores and of the memory bandwidth, and the clock shows less "
            "than a quiet machine would.",
            "",
            "| processes | samples | seconds | samples per hour | CPU seconds per sample | load |",
            "| --- | --- | --- | --- | --- | --- |",
            *[row(n, wall, work) for n, wall, work in runs],
            "",
            f"With {runs[0][0]} process, medians in CPU seconds:",
            "",
            "| kind | make a world | render a view | a sample (world shared by its views) |",
            "| --- | --- | --- | --- |",
            *kinds(runs[0][2]),
            "",
            f"All in, as the pipeline renders at {WRITTEN[0]}x{WRITTEN[1]}, CPU seconds per "
            "panorama in one process:",
            "",
            "| data set | 1 view per world | 2 views |",
            "| --- | --- | --- |",
            *[f"| {n} | {written(n, s, 1):.3f} | {written(n, s, 2):.3f} |" for n, s in SETS],
            "",
        ]
    )
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
