"""Times and errors of panorama geometry, ours beside every peer, interleaved in one run.

    uv run --with pyequilib --with py360convert --with pytorch360convert --with kornia \
        --with opencv-python-headless --with scipy python -m benchmarks.geometry

writes docs/benchmarks/geometry.md (text below its line `BY_HAND` stays). `--device cuda` times
ours against the byte floor instead.
"""

import argparse
import math
import os
import platform
import time
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.nn.functional import interpolate

import pano_geometry as pg
from benchmarks.geometry_errors import round_trips, table_of_errors
from benchmarks.geometry_libraries import all_peers
from benchmarks.geometry_peers import Ours, Peer, Run, Task
from benchmarks.geometry_table import table as table_or_grid_sample
from benchmarks.pages import write_page

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "geometry.md"
FRESH_ROTATIONS = 4096
H100_BYTES_PER_SECOND = 3.35e12
OURS, COMPILED = "pano_geometry", "pano_geometry, compiled kernel"


def tasks(height: int, width: int) -> list[Task]:
    face = height // 2
    made = [Task(kind, height, width, face, False) for kind in ("e2c", "c2e")]
    for kind in ("e2p", "p2e", "rotate"):
        made += [Task(kind, height, width, face, fresh) for fresh in (False, True)]
    return made


def picture(task: Task, batch: int, dtype: torch.dtype) -> Tensor:
    """Return smooth content of the size that the task reads."""
    height, width = task.input_size()
    coarse = torch.rand(
        batch, 3, height // 8 + 1, width // 8 + 1, generator=torch.Generator().manual_seed(0)
    )
    image = interpolate(coarse, (height, width), mode="bilinear")
    return (image * 255).to(torch.uint8) if dtype == torch.uint8 else image.to(dtype)


def prepared(task: Task, peers: list[Peer], image: Tensor, fixed: Tensor) -> dict[str, Run]:
    runs: dict[str, Run] = {}
    for peer in peers:
        if task.kind not in peer.kinds or image.dtype not in peer.dtypes:
            continue
        runs[peer.name] = peer.make(task, image, fixed)
        for _ in range(2 if isinstance(peer, Ours) else 1):  # our second call fills caches
            runs[peer.name](fixed)
    return runs


def time_task(
    task: Task,
    peers: list[Peer],
    batch: int,
    dtype: torch.dtype,
    rounds: int,
    seconds: float = math.inf,
) -> dict[str, float]:
    """Return median milliseconds per call.

    Each round calls every peer once; there are 2 rounds if they are long.

    With one thread, of its own CPU time, which the neighbours on the machine change little.
    """
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    image = picture(task, batch, dtype)
    rotations = pg.random_rotation(FRESH_ROTATIONS, torch.Generator().manual_seed(1))
    fixed = rotations[:batch]
    runs = prepared(task, peers, image, fixed)
    times: dict[str, list[float]] = {name: [] for name in runs}
    used, begun = batch, time.monotonic()
    for done in range(rounds):
        if done > 1 and time.monotonic() - begun > seconds:
            break
        for name, run in runs.items():
            turn = fixed
            if task.fresh:
                turn = rotations[used : used + batch]
                used = (used + batch) % (FRESH_ROTATIONS - batch)
            start = clock()
            run(turn)
            times[name].append(1e3 * (clock() - start))
    return {name: median(values) for name, values in times.items()}


def table_of_times(
    size: tuple[int, int],
    batch: int,
    dtype: torch.dtype,
    threads: int,
    peers: list[Peer],
    rounds: int,
    seconds: float,
) -> str:
    torch.set_num_threads(threads)
    results = {t.name: time_task(t, peers, batch, dtype, rounds, seconds) for t in tasks(*size)}
    kind = f"{'x'.join(map(str, size))}, batch {batch}, {str(dtype).removeprefix('torch.')}"
    clock = "CPU time" if threads == 1 else "wall time"
    return "\n".join(
        [
            f"### {kind}, {threads} thread{'s' if threads > 1 else ''}",
            "",
            f"Median ms per call, {clock}; load average {os.getloadavg()[0]:.1f}.",
            "",
            *rows_of_times(results, peers),
        ]
    )


def rows_of_times(results: dict[str, dict[str, float]], peers: list[Peer]) -> list[str]:
    """Make a column for each task, a row for each peer, then ours over others."""
    lines = ["| | " + " | ".join(results) + " |", "| --- |" + " ---: |" * len(results)]
    for name in [p.name for p in peers if any(p.name in row for row in results.values())]:
        cells = [f"{row[name]:.1f}" if name in row else "" for row in results.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for mine in (OURS, COMPILED):
        for other in ("equilib", "grid_sample by hand, padded", "kornia.remap"):
            ratios = [
                f"{row[mine] / row[other]:.2f}" if other in row and mine in row else ""
                for row in results.values()
            ]
            if any(ratios):
                lines.append(f"| *{mine} / {other}* | " + " | ".join(ratios) + " |")
    return lines


def small_views(peers: list[Peer], rounds: int) -> str:
    """Time fresh views out of panoramas of both sizes: their times should differ little."""
    torch.set_num_threads(1)
    peers = [p for p in peers if p.name in (OURS, COMPILED, "equilib") or "unpadded" in p.name]
    results = {
        f"{kind}, {h}x{2 * h}": time_task(
            Task("e2p", h, 2 * h, h // 2, True), peers, 1, getattr(torch, kind), rounds
        )
        for kind in ("float32", "uint8")
        for h in (512, 2048)
    }
    head = (
        "### Small views of large panoramas\n\nOne fresh 640x480 view, batch 1, 1 thread, median "
        "ms of CPU time.\n"
    )
    return "\n".join([head, *rows_of_times(results, peers)])


def cuda_report() -> str:
    """Time ours on a CUDA device against the bytes that must move."""
    lines = ["| | ms | byte floor, ms | ratio |", "| --- | ---: | ---: | ---: |"]
    for size in ((512, 1024), (2048, 4096)):
        image = torch.rand(4, 3, *size, device="cuda")
        rotations = (
            pg.random_rotation(64 * 4, torch.Generator().manual_seed(1)).cuda().reshape(64, 4, 3, 3)
        )
        for k in range(8):
            pg.rotate(image, rotations[k])
        starts, ends = ([torch.cuda.Event(enable_timing=True) for _ in range(50)] for _ in range(2))
        for k in range(50):
            starts[k].record()
            pg.rotate(image, rotations[k])
            ends[k].record()
        torch.cuda.synchronize()
        took = median(a.elapsed_time(b) for a, b in zip(starts, ends, strict=True))
        floor = 1e3 * 2 * image.nbytes / H100_BYTES_PER_SECOND
        lines.append(
            f"| fresh rotation {size}, batch 4 float32 | {took:.3f} | {floor:.3f} | "
            f"{took / floor:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--rounds", type=int, default=9, help="at 512x1024")
    parser.add_argument("--large-rounds", type=int, default=3, help="at 2048x4096")
    parser.add_argument("--seconds", type=float, default=20, help="of a task, after two rounds")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="beside one")
    parser.add_argument("--small-only", action="store_true", help="leave out 2048x4096")
    parser.add_argument("--peers", nargs="+", help="only peers whose name has one of these in it")
    options = parser.parse_args()
    if options.device == "cuda":
        print(cuda_report())
        return
    peers = [p for p in all_peers() if any(word in p.name for word in options.peers or [""])]
    parts = [table_of_errors(512, 1024, peers), round_trips(), "## Times"]
    f32, u8, small, large = torch.float32, torch.uint8, (512, 1024), (2048, 4096)
    wanted = [(small, 4, f32, 1), (small, 1, u8, 1), (small, 4, f32, options.threads)]
    if not options.small_only:
        wanted += [(large, 1, u8, 1), (large, 4, f32, options.threads)]
    for size, batch, dtype, threads in dict.fromkeys(wanted):
        rounds = options.rounds if size == small else options.large_rounds
        parts.append(table_of_times(size, batch, dtype, threads, peers, rounds, options.seconds))
        write(parts)
    if not options.small_only:
        parts.append(small_views(peers, options.rounds))
    head = "### Table or `grid_sample`\n\nTime by the table of `packed.py` over that of "
    head += "`grid_sample` on the same shared grid, 1 thread.\n\n"
    parts.append(head + table_or_grid_sample())
    write(parts)


def write(parts: list[str]) -> None:
    """Write the report so far, and keep what is written below it by hand."""
    head = (
        "# Geometry: errors and times\n\nMade by `benchmarks/geometry.py`: peers run interleaved "
        f"with ours, call by call. {platform.machine()}, {os.cpu_count()} CPUs, torch "
        f"{torch.__version__}. Ratios travel between machines, milliseconds do not. `fixed`: the "
        "same rotations in every call; `fresh`: new random rotations in every call. Views are "
        "640x480, 90°; faces are half the height."
    )
    write_page(REPORT, head, *parts)


if __name__ == "__main__":
    main()
