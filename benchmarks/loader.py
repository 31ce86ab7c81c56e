"""Reading training samples: shards against plain files read with PIL, in the same run.

`uv run python benchmarks/loader.py` renders worlds of 512x1024, stores them three ways, reads each
in random order in turns, and writes docs/benchmarks/loader.md.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset

import pano_geometry as pg
from pano_data import ShardDataset
from pano_data.shards import finish, pack
from pano_data.shards.distance_codec import DistanceCodec, decode_distance, encode_distance
from pano_worlds import CAMERA, make_world, render

SIZE = (512, 1024)
REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "loader.md"


class Rendered(Dataset):
    """Worlds as samples; few views, many rows, so that making them does not take the time."""

    def __init__(self, count: int, views: int = 8) -> None:
        self.count, self.views = count, [_view(i) for i in range(views)]

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, object]:
        rgb, distance, sky = self.views[index % len(self.views)]
        shift = 37 * index  # another picture to the decoder
        return {
            "image": torch.from_numpy(np.roll(rgb, shift, 1)).permute(2, 0, 1).float() / 255,
            "distance": torch.from_numpy(np.roll(distance, shift, 1))[None],
            "valid": torch.from_numpy(np.roll(~sky, shift, 1))[None],
            "far": torch.from_numpy(np.roll(sky, shift, 1))[None],
            "metric": torch.tensor(True),
            "key": f"{index:05d}",
            "dataset": "worlds",
        }


def _view(number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    world = make_world("indoor" if number % 2 else "outdoor", number)
    view = render(world, world.viewpoints[0], pg.Equirectangular(*SIZE), CAMERA, seed=number)
    return view.rgb, view.distance, view.sky


class PlainFiles(Dataset):
    """JPEG or PNG with 16-bit PNG distance in millimetres, read with PIL, as most code does."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self.images = sorted(p for p in folder.glob(f"*.{suffix}") if "depth" not in p.stem)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        path = self.images[index]
        rgb = np.asarray(Image.open(path).convert("RGB"))
        depth = np.asarray(Image.open(path.parent / f"{path.stem}_depth.png")).astype(np.float32)
        return (
            torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float() / 255,
            torch.from_numpy(depth / 1000)[None],
        )


def write_plain(rows: Rendered, folder: Path, suffix: str) -> None:
    folder.mkdir()
    for row in map(rows.__getitem__, range(len(rows))):
        rgb = (row["image"] * 255).round().byte().permute(1, 2, 0).numpy()
        depth = (row["distance"][0].clamp(max=65.5) * 1000).numpy().astype(np.uint16)
        Image.fromarray(rgb).save(folder / f"{row['key']}.{suffix}", quality=95)
        Image.fromarray(depth).save(folder / f"{row['key']}_depth.png")


def read(kind: str, folder: str, seed: int) -> tuple[int, float]:
    """Read every sample once in random order; samples and CPU seconds."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    shards = kind == "shards"
    dataset = ShardDataset(folder) if shards else PlainFiles(Path(folder), kind)
    order = np.random.default_rng(seed).permutation(len(dataset)).tolist()
    dataset[order[0]]
    start = time.process_time()
    for index in order:
        dataset[index]
    return len(order), time.process_time() - start


def timed(
    pool: ProcessPoolExecutor, processes: int, kind: str, folder: Path
) -> tuple[float, float]:
    """Return samples per second on the clock, and CPU milliseconds per sample."""
    start = time.perf_counter()
    runs = [pool.submit(read, kind, str(folder), seed) for seed in range(processes)]
    results = [future.result() for future in runs]
    wall = time.perf_counter() - start
    samples = sum(count for count, _ in results)
    return samples / wall, 1000 * sum(cpu for _, cpu in results) / samples


def codec_rows(rows: Rendered) -> list[str]:
    lines = []
    for codec in DistanceCodec:
        sizes, encode, decode, errors = [], [], [], []
        for row in map(rows.__getitem__, range(len(rows.views))):
            maps = [row[name][0].numpy() for name in ("distance", "valid", "far")]
            one = time.process_time()
            data = encode_distance(*maps, codec)
            two = time.process_time()
            back = decode_distance(data)[0]
            three = time.process_time()
            sizes.append(len(data) / 1e3)
            encode.append(1000 * (two - one))
            decode.append(1000 * (three - two))
            errors.append(np.abs(back[maps[1]] / maps[0][maps[1]] - 1).max())
        medians = [statistics.median(each) for each in (sizes, encode, decode)]
        lines.append(
            f"| {codec.name} | {medians[0]:.0f} | {medians[1]:.1f} | {medians[2]:.1f} | "
            f"{max(errors):.1e} |"
        )
    return lines


NAMES = {
    "shards": "shards (JPEG 95, LOG16)",
    "jpg": "files, PIL, JPEG 95 + PNG16",
    "png": "files, PIL, PNG + PNG16",
}


def reader_rows(rows: Rendered, folder: Path, processes: list[int], rounds: int) -> list[str]:
    """Store the samples three ways and read each in turns."""
    folders = {kind: folder / kind for kind in NAMES}
    pack(rows, folders["shards"], chunk=32)
    finish(folders["shards"])
    for kind in ("jpg", "png"):
        write_plain(rows, folders[kind], kind)
    size = {
        kind: sum(f.stat().st_size for f in path.rglob("*") if f.is_file()) / len(rows) / 1e3
        for kind, path in folders.items()
    }
    lines = []
    for count in processes:
        runs = {kind: [] for kind in folders}
        with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
            for number in range(rounds + 1):  # the first round starts the processes
                for kind in folders:
                    result = timed(pool, count, kind, folders[kind])
                    runs[kind] += [result] if number else []
        for kind, values in runs.items():
            rate, cpu = (statistics.median(column) for column in zip(*values, strict=True))
            lines.append(f"| {count} | {NAMES[kind]} | {size[kind]:.0f} | {rate:.0f} | {cpu:.1f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4])
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rendered(args.count)
    with tempfile.TemporaryDirectory() as name:
        lines = reader_rows(rows, Path(name), args.processes, args.rounds)
    REPORT.write_text(
        "\n".join(
            [
                "# Reading training samples",
                "",
                f"`benchmarks/loader.py`; {args.count} panoramas of {SIZE[0]}x{SIZE[1]} from "
                "worlds, random order, decoded to float tensors;",
                f"medians of {args.rounds} rounds, the readers in turns. {os.cpu_count()} cores, "
                f"{platform.machine()}, Python {platform.python_version()},",
                f"load average after the run {os.getloadavg()[0]:.1f}: above the number of "
                "processes, other programs took part of the cores.",
                "CPU milliseconds say more than samples per second.",
                "",
                "| processes | reader | kB per sample | samples per second | CPU ms per sample |",
                "| --- | --- | --- | --- | --- |",
                *lines,
                "",
                "PNG16 in millimetres ends at 65.5 m and knows no sky; LOG16 keeps both.",
                "",
                "Distance codecs on the same panoramas (medians; the largest relative error of "
                "all):",
                "",
                "| codec | kB | encode, CPU ms | decode, CPU ms | error |",
                "| --- | --- | --- | --- | --- |",
                *codec_rows(rows),
                "",
            ]
        )
    )
    print(REPORT.read_text())


if __name__ == "__main__":
    main()
