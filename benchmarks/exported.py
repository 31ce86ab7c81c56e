"""Time eager, torch.export and ONNX Runtime of one network on one thread, and `predict` of a JPEG.

The runners take turns in one process, round after round; CPU seconds are compared within a round,
so that a busy machine slows all alike. Printed: the median of a runner, and the median of its
ratios to eager with a 95 % interval (bootstrap over rounds). `predict` runs in a fresh process
that counts importing and loading apart from the picture, in CPU and wall seconds. Usage:

    python -m benchmarks.exported MODEL [--rounds 15] [--files FOLDER] [--picture 2048]
"""

import argparse
import itertools
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import panodepth
from pano_models import Predictor
from panodepth.exporting.agreement import random_panoramas, relative_difference
from panodepth.exporting.description import sidecar_path
from panodepth.exporting.file_formats import FILE_FORMATS, Runner

FILES = {"torch_export": "network.pt2", "onnx": "network.onnx"}
EAGER = "eager"
RESAMPLES = 2000
INTERVAL = (2.5, 97.5)  # percent


def runners(model: str, folder: Path, predictor: Predictor) -> dict[str, Runner]:
    """Export what is not in the folder yet, and open all."""

    def eager(panoramas: torch.Tensor) -> dict[str, torch.Tensor]:
        with torch.inference_mode():
            return predictor.network(panoramas)

    found: dict[str, Runner] = {EAGER: eager}
    for name, file in FILES.items():
        if not sidecar_path(folder / file).is_file():
            panodepth.export(model, folder / file, name)
        found[name] = FILE_FORMATS[name].open(folder / file)
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


def compare(model: str, folder: Path, rounds: int) -> None:
    """Print the table of the runners."""
    torch.set_num_threads(1)
    predictor = panodepth.load_predictor(model, "cpu")
    network = runners(model, folder, predictor)
    panoramas = random_panoramas(1, predictor.size)
    expected = network[EAGER](panoramas)
    differences = {k: relative_difference(run(panoramas), expected) for k, run in network.items()}
    seconds = np.array(
        [[cpu_seconds(run, panoramas) for run in network.values()] for _ in range(rounds)]
    )
    size = "x".join(map(str, predictor.size))
    print(f"| {size}, batch 1 | ms of CPU | of eager, median (95 %) | difference |")
    print("| --- | --- | --- | --- |")
    for i, name in enumerate(network):
        ratios = seconds[:, i] / seconds[:, 0]
        low, high = interval(ratios)
        print(
            f"| {name} | {1e3 * np.median(seconds[:, i]):.1f} | {np.median(ratios):.3f} "
            f"({low:.3f} to {high:.3f}) | {differences[name]:.1e} |",
            flush=True,
        )


def picture(path: Path, height: int) -> None:
    """Write a JPEG with edges and noise, that no decoder finds easy."""
    noise = random_panoramas(1, (height // 4, height // 2))[0].permute(1, 2, 0).numpy()
    pixels = np.kron(np.rint(255 * noise).astype(np.uint8), np.ones((4, 4, 1), np.uint8))
    Image.fromarray(pixels).save(path, quality=92)


def predict_once(model: str, path: str, out: str) -> None:
    """Print what one picture costs in this process, which has done nothing else."""
    marks = [(time.perf_counter(), time.process_time())]
    from panodepth.inference.files import PredictSettings, predict_files
    from panodepth.panorama_files import find_panoramas

    predictor = panodepth.load_predictor(model, "cpu")
    marks.append((time.perf_counter(), time.process_time()))
    settings = PredictSettings(out=Path(out), model=model, formats=("npy",), batch=1)
    outcomes = list(predict_files(predictor, find_panoramas([Path(path)]), settings))
    if outcomes[0].error:
        raise SystemExit(outcomes[0].error)
    marks.append((time.perf_counter(), time.process_time()))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    steps = [np.subtract(after, before) for before, after in itertools.pairwise(marks)]
    for name, (wall, cpu) in zip(("import and load", "picture"), steps, strict=True):
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    print(f"| peak memory | {peak:.0f} MB | |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--files", type=Path, help="keeps the exported files for another run")
    parser.add_argument("--picture", type=int, default=2048, help="height of the JPEG")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        compare(arguments.model, arguments.files or folder, arguments.rounds)
        print(f"\n{platform.processor() or platform.machine()}, torch {torch.__version__}\n")
        picture(folder / "picture.jpg", arguments.picture)
        print(f"| predict, {2 * arguments.picture}x{arguments.picture} JPEG | s | CPU s |")
        print("| --- | --- | --- |", flush=True)
        call = f"predict_once({arguments.model!r}, {str(folder / 'picture.jpg')!r}, {temporary!r})"
        # That this module has imported torch already is part of what is counted: it does so again.
        code = (
            "import time; w, c = time.perf_counter(), time.process_time()\n"
            "from benchmarks.exported import predict_once\n"
            f"print(f'| torch and this script | {{time.perf_counter() - w:.2f}} | "
            f"{{time.process_time() - c:.2f}} |')\n{call}"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


if __name__ == "__main__":
    main()
