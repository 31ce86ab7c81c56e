"""Throughput of the curation engine on one core: P2E, out-painting, encoding.

`uv run python benchmarks/curation.py` times pictures of worlds and writes
docs/benchmarks/curation.md; `--sheet FILE` makes the contact sheet of docs/curation.md instead.
"""

import argparse
import math
import os
import platform
import statistics
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch

import pano_geometry as pg
from pano_data import P2E, ErpSample, ReflectionOutpainter
from pano_data.shards.samples import encode_sample
from pano_worlds import CAMERA, make_world, render

GOAL = 38
REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "curation.md"
CASES = [
    ("Hypersim", "indoor", (768, 1024), 60.0),
    ("Virtual KITTI 2", "outdoor", (375, 1242), 81.2),
    ("Dynamic Replica", "indoor", (720, 1280), 85.0),
    ("3D Ken Burns", "indoor", (512, 512), 75.0),
]


def picture(kind: str, size: tuple[int, int], fov_deg: float, seed: int) -> ErpSample:
    camera = pg.Perspective.from_fov(*size, math.radians(fov_deg))
    world = make_world(kind, seed)
    view = render(world, world.viewpoints[0], camera, CAMERA, seed=seed)
    return {
        "image": torch.from_numpy(view.rgb).permute(2, 0, 1).float() / 255,
        "distance": torch.from_numpy(view.distance)[None],
        "valid": torch.from_numpy(~view.sky)[None],
        "far": torch.from_numpy(view.sky)[None],
        "metric": torch.tensor(True),
        "key": "k",
        "dataset": kind,
        "intrinsics": camera.intrinsics,
    }


def row(name: str, sample: ErpSample, size: tuple[int, int], rounds: int) -> str:
    p2e, painter = P2E(size), ReflectionOutpainter()
    generator = torch.Generator().manual_seed(0)
    times: list[tuple[float, ...]] = []
    for _ in range(rounds + 1):
        place = p2e.place(generator)
        marks = [time.process_time()]
        part = p2e.project(sample, place)
        marks.append(time.process_time())
        image = painter(part.image, part.coverage, "mixed", 0)
        marks.append(time.process_time())
        encode_sample(
            {
                **sample,
                "image": image,
                "distance": part.distance,
                "valid": part.valid,
                "far": part.far,
            }
        )
        marks.append(time.process_time())
        times.append(tuple(b - a for a, b in pairwise(marks)))
    p2e_s, paint_s, encode_s = (
        statistics.median(column) for column in zip(*times[1:], strict=True)
    )
    height, width = sample["image"].shape[-2:]
    return (
        f"| {name} {height}x{width} | {size[0]}x{size[1]} | {1000 * p2e_s:.1f} | {1 / p2e_s:.0f} | "
        f"{1000 * paint_s:.0f} | {1000 * encode_s:.1f} | {1 / (p2e_s + paint_s + encode_s):.1f} |"
    )


def contact_sheet(path: Path) -> None:
    p2e, painter = P2E((256, 512)), ReflectionOutpainter()
    rows = []
    for number, (_, kind, size, fov) in enumerate(CASES):
        sample = picture(kind, size, fov, number + 1)
        part = p2e.project(sample, p2e.place(torch.Generator().manual_seed(number)))
        full = painter(part.image, part.coverage, kind, 0)
        rows.append(torch.cat([part.image, full, full.roll(256, -1)], -1))
    sheet = (torch.cat(rows, 1) * 255).byte().permute(1, 2, 0).numpy()[..., ::-1]
    if not cv2.imwrite(str(path), np.ascontiguousarray(sheet), [cv2.IMWRITE_JPEG_QUALITY, 85]):
        raise OSError(f"could not write {path}: check that the folder exists")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet here and time nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if args.sheet:
        contact_sheet(args.sheet)
        return
    lines = []
    for number, (name, kind, size, fov) in enumerate(CASES):
        sample = picture(kind, size, fov, number + 1)
        lines += [row(name, sample, erp, args.rounds) for erp in ((512, 1024), (256, 512))]
    REPORT.write_text(
        "\n".join(
            [
                "# Throughput of the curation engine",
                "",
                f"`benchmarks/curation.py`; one thread, medians of {args.rounds} pictures in CPU "
                f"milliseconds. Goal: P2E at {GOAL} samples a",
                "second and core at 512x1024 (26 ms). The picture sizes and fields of view are "
                "those of the data sets, the pictures are",
                f"worlds. {os.cpu_count()} cores, {platform.machine()}, Python "
                f"{platform.python_version()}, load average after the run {os.getloadavg()[0]:.1f}",
                "(other programs share the caches and the memory bandwidth).",
                "",
                "| picture | panorama | P2E ms | P2E per second | out-painting ms | encoding ms | "
                "all, per second |",
                "| --- | --- | --- | --- | --- | --- | --- |",
                *lines,
                "",
            ]
        )
    )
    print(REPORT.read_text())


if __name__ == "__main__":
    main()
