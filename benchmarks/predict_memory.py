"""What `predict` of one JPEG costs in a new process, step by step: time, and which memory.

    python -m benchmarks.predict_memory [--height 2048] [--save npy] [--model pano_small]

Linux only. `anon` is memory of the process alone (arrays, Python's objects), `file` pages of files
that lie on disk, libraries above all: the system shares them among processes and takes them back
where memory is short. `peak` is the most of both together within a step.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS = Path("/proc/self/status")
FORGET_PEAK = Path("/proc/self/clear_refs")


def read_memory() -> dict[str, float]:
    """Return the fields of this process's memory, MB."""
    lines = (line.split() for line in STATUS.read_text().splitlines())
    return {line[0].rstrip(":"): int(line[1]) / 1e3 for line in lines if line[-1] == "kB"}


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print what a step took, as a row of a table."""
    FORGET_PEAK.write_text("5")
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    now = read_memory()
    figures = (now["RssAnon"], now["RssFile"] + now["RssShmem"], now["VmHWM"])
    row = " | ".join(f"{figure:.0f}" for figure in figures)
    sys.stdout.write(f"| {name} | {wall:.2f} | {cpu:.2f} | {row} |\n")


def run_steps(model: str, picture: Path, out: Path, formats: list[str]) -> None:
    """Predict one picture and print each step; this process has imported nothing before."""
    with step("`import torch`"):
        import torch
    torch.set_num_threads(1)
    with step("modules of the command"):
        import panodepth.inference.command  # noqa: F401
        from panodepth import load_predictor
        from panodepth.inference.freed_memory import return_large_arrays
        from panodepth.outputs.records import save_prediction
        from panodepth.panorama_files import read_panorama
        from panodepth.prediction import PredictedMap
    return_large_arrays()
    with step(f"loading `{model}`"):
        predictor = load_predictor(model, "cpu")
    with step("decoding"):
        panorama = read_panorama(picture)
    with step("the network"):
        (maps,) = predictor.at_working_size([panorama.tensor])
    with step("maps at full size"):
        prediction = PredictedMap.from_network(maps, panorama)
    for form in formats:
        with step(f"`{form}`"):
            save_prediction(out, "a", panorama.rgb, prediction, [form], {"source": str(picture)})


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="pano_small")
    parser.add_argument("--height", type=int, default=2048, help="of the JPEG")
    parser.add_argument("--save", nargs="+", default=["npy"], metavar="FORMAT")
    parser.add_argument("--picture", type=Path, help="in place of one that is drawn")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.inside:
            run_steps(options.model, options.picture, Path(folder), options.save)
            return
        if options.picture is None:
            from benchmarks.first_prediction import draw

            options.picture = draw(Path(folder) / "picture.jpg", 2 * options.height)
        print("| step | s | CPU s | anon, MB | file, MB | peak, MB |")
        print("| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
        words = ["--inside", "--model", options.model, "--picture", str(options.picture)]
        command = [sys.executable, "-m", "benchmarks.predict_memory", *words, "--save"]
        subprocess.run([*command, *options.save], check=True)


if __name__ == "__main__":
    main()
