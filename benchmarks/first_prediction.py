"""What a user of `panodepth.predict` waits for: imports, the first panorama, the next, each output.

    python -m benchmarks.first_prediction [--width 4096]

CPU seconds of one thread (`time.process_time`) of a new process, on a JPEG that is drawn for it;
read the shares. The parts of a call come from cProfile, which makes Python code slower.
"""

import time

START = time.process_time()
import panodepth  # noqa: E402 -- what is timed here, before anything else is imported

IMPORTED = time.process_time() - START
START = time.process_time()
predict = panodepth.predict
LOOKED_UP = time.process_time() - START

import argparse  # noqa: E402
import cProfile  # noqa: E402
import pstats  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Callable, Mapping  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

FORMATS = ("npy", "exr", "png16", "ply", "glb", "preview")
FUNCTIONS = {
    "decoding": ("panodepth/", "read_panorama"),
    "loading the network, without its imports": ("panodepth/", "load_predictor"),
    "shrinking to the working size": ("pano_models/", "_shrink"),
    "the network": ("pano_models/", "_run"),
    "enlarging the maps": ("pano_models/", "at"),
}
"""Parts of a call: a function of ours, and where it stands."""


def draw(path: Path, width: int) -> Path:
    """Write a JPEG of a smooth panorama with some texture."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (32, 64, 3), dtype=np.uint8))
    pixels = np.asarray(coarse.resize((width, width // 2), Image.Resampling.BICUBIC)).astype(int)
    pixels += rng.integers(-8, 9, pixels.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return path


def profiled(call: Callable[[], panodepth.Panorama]) -> tuple[dict[str, float], panodepth.Panorama]:
    """Return CPU seconds of a call by part, and its result."""
    profile = cProfile.Profile(time.process_time)
    start = time.process_time()
    result = profile.runcall(call)
    total = time.process_time() - start
    parts = dict.fromkeys(("imports", *FUNCTIONS), 0.0)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    for (file, _, function), (_, _, _, cumulative, _) in stats.items():
        if "importlib._bootstrap" in file and function == "_find_and_load":
            parts["imports"] = cumulative
        for part, (where, name) in FUNCTIONS.items():
            if where in file and function == name:
                parts[part] = cumulative
    loading = "loading the network, without its imports"
    parts[loading] = max(0.0, parts[loading] - parts["imports"])
    parts["rest"] = total - sum(parts.values())
    return parts, result


def table(moment: str, seconds: Mapping[str, float]) -> str:
    """Return parts, their seconds and their shares as a table."""
    total = sum(seconds.values())
    rows = [f"| {moment} | s | share |", "| --- | ---: | ---: |"]
    rows += [f"| {n} | {s:.2f} | {100 * s / total:.0f} % |" for n, s in seconds.items()]
    return "\n".join([*rows, f"| together | {total:.2f} | |", ""])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=4096)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(table("imports", {"`panodepth`": IMPORTED, "`panodepth.predict`": LOOKED_UP}))
    with tempfile.TemporaryDirectory() as folder:
        picture = draw(Path(folder) / "room.jpg", options.width)
        print(table("first call", profiled(lambda: predict(picture))[0]))
        print(table("next call", profiled(lambda: predict(picture))[0]))
        predictor = panodepth.load_predictor("pano_small")
        parts, room = profiled(lambda: predict(picture, predictor))
        print(table("next call, network kept", parts))
        saved = {}
        for kind in FORMATS:
            start = time.process_time()
            room.save(Path(folder) / kind, [kind])
            saved[f"`{kind}`"] = time.process_time() - start
        print(table("saving", saved))


if __name__ == "__main__":
    main()
