"""Time eager, torch.export and ONNX Runtime of one network on one thread.

The runners take turns in one process, round after round; CPU seconds are compared within a round,
so that a busy machine slows all alike. Printed: the median of a runner, and the median of its
ratios to eager with a 95 % interval (bootstrap over rounds). With `--sizes` files of any size
(`panodepth export --height dynamic`) stand beside those of the network's own, at each size a table.
Usage:

    python -m benchmarks.exported MODEL [--rounds 15] [--files FOLDER] [--sizes 128x256 256x512]
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import panodepth
from pano_models import Predictor
from panodepth.exporting.agreement import random_panoramas, relative_difference
from panodepth.exporting.description import sidecar_path
from panodepth.exporting.file_formats import FILE_FORMATS, Runner
from panodepth.exporting.input_shape import DYNAMIC

FILES = {"torch_export": "network.pt2", "onnx": "network.onnx"}
EAGER = "eager"
RESAMPLES = 2000
INTERVAL = (2.5, 97.5)  # percent


def runners(model: str, folder: Path, predictor: Predictor, dynamic: bool) -> dict[str, Runner]:
    """Export what is not in the folder yet, and open all; those of any size are named so."""

    def eager(panoramas: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.inference_mode():
            return predictor.network(panoramas)

    found: dict[str, Runner] = {EAGER: eager}
    for height in (None, DYNAMIC) if dynamic else (None,):
        for name, file in FILES.items():
            path = folder / (f"{height}_{file}" if height else file)
            if not sidecar_path(path).is_file():
                panodepth.export(model, path, name, height=height)
            found[f"{name}, any size" if height else name] = FILE_FORMATS[name].open(path)
    return found


def cpu_seconds(run: Runner, panoramas: torch.Tensor) -> float:
    start = time.process_time()
    run(panoramas)
    return time.process_time() - start


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """Return a 95 % interval of the median over rounds."""
    draws = np.random.default_rng(0).choice(ratios, (RESAMPLES, len(ratios)))
    low, high = np.percentile(np.median(draws, axis=1), INTERVAL)
    return float(low), float(high)


def compare(network: dict[str, Runner], size: tuple[int, int], rounds: int) -> None:
    """Print the table of the runners at one size."""
    panoramas = random_panoramas(1, size)
    expected = network[EAGER](panoramas)
    differences = {k: relative_difference(run(panoramas), expected) for k, run in network.items()}
    seconds = np.array(
        [[cpu_seconds(run, panoramas) for run in network.values()] for _ in range(rounds)]
    )
    print(f"\n| {size[0]}x{size[1]}, batch 1 | ms of CPU | of eager, median (95 %) | difference |")
    print("| --- | --- | --- | --- |")
    for i, name in enumerate(network):
        ratios = seconds[:, i] / seconds[:, 0]
        low, high = interval(ratios)
        print(
            f"| {name} | {1e3 * np.median(seconds[:, i]):.1f} | {np.median(ratios):.3f} "
            f"({low:.3f} to {high:.3f}) | {differences[name]:.1e} |",
            flush=True,
        )


def to_size(text: str) -> tuple[int, int]:
    height, width = text.split("x")
    return int(height), int(width)


def run(model: str, folder: Path, sizes: Sequence[tuple[int, int]], rounds: int) -> None:
    """Print a table at the network's own size, then one at each of the others."""
    torch.set_num_threads(1)
    predictor = panodepth.load_predictor(model, "cpu")
    network = runners(model, folder, predictor, bool(sizes))
    compare(network, predictor.size, rounds)
    predictor.network.tells_other_size = False  # it is asked for others on purpose
    anywhere = {k: r for k, r in network.items() if k == EAGER or "any size" in k}
    for size in sizes:
        compare(anywhere, size, rounds)
    print(f"\n{platform.processor() or platform.machine()}, torch {torch.__version__}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--files", type=Path, help="keeps the exported files for another run")
    parser.add_argument("--sizes", nargs="*", type=to_size, default=[], help="multiples of 32")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.files or Path(temporary)
        run(arguments.model, folder, arguments.sizes, arguments.rounds)


if __name__ == "__main__":
    main()
