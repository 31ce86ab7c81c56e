"""When the table of `pano_geometry.resampling.packed` pays: its time over that of `grid_sample`.

    uv run python -m benchmarks.geometry_table

Both sample the same grid, call by call in turn, in one thread; the rule in `packed.is_worthwhile`
(least channels, largest table) rests on these ratios.
"""

import time
from statistics import median

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.resampling import packed, sampling
from pano_geometry.resampling.grids import DenseGrid, build_grid

CHANNELS = ((1, 3), (2, 3), (1, 8), (3, 3), (4, 3), (8, 3))
HEIGHTS = (256, 512, 1024)
CALLS = 5


def cameras(kind: str, height: int) -> tuple[pg.Camera, pg.Camera]:
    """Return source and target of a conversion."""
    erp, cube = pg.Equirectangular(height, 2 * height), pg.Cubemap(height // 2)
    return {"e2c": (erp, cube), "c2e": (cube, erp), "rotate": (erp, erp)}[kind]


def ratio(image: Tensor, grid: DenseGrid, surface: pg.cameras.Surface) -> float:
    """Return median CPU time by the table over that by `grid_sample`."""
    runs = (
        lambda: packed.sample(image, grid.grid, surface),
        lambda: sampling.sample_dense(image, grid, surface),
    )
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(CALLS):
        for run, noted in zip(runs, times, strict=True):
            start = time.thread_time()
            run()
            noted.append(time.thread_time() - start)
    return median(times[0]) / median(times[1])


def table() -> str:
    """Print ratios as Markdown."""
    torch.set_num_threads(1)
    heads = [f"{b} x {c}" for b, c in CHANNELS]
    lines = [
        "| images x channels | " + " | ".join(heads) + " |",
        "| --- |" + " ---: |" * len(heads),
    ]
    rotation = pg.random_rotation(1, torch.Generator().manual_seed(0))[0]
    for height in HEIGHTS:
        for kind in ("e2c", "c2e", "rotate"):
            source, target = cameras(kind, height)
            turn = rotation if kind == "rotate" else None
            grid = build_grid(source, target, turn, torch.float32)
            assert isinstance(grid, DenseGrid)
            cells = [
                f"{ratio(torch.rand(b, c, *source.size), grid, source.surface):.2f}"
                for b, c in CHANNELS
            ]
            lines.append(f"| {kind}, {height}x{2 * height} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
