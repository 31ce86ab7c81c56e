"""Augmentation and filters: what the reader or we do, against kornia on the device, in one run.

`uv run python benchmarks/augmentation.py` writes docs/benchmarks/augmentation.md; one CPU thread,
and a GPU where there is one.
"""

import os
import platform
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from albumentations import Compose, PlanckianJitter
from kornia.augmentation import ColorJitter, RandomPlanckianJitter, RandomRain, RandomSnow
from kornia.filters import spatial_gradient
from kornia.morphology import dilation
from torch import Tensor, nn

import pano_geometry as pg
from pano_data import BatchAugmentation, Colour, Turned
from pano_losses.gradients import sobel_magnitude

REPORT = Path(__file__).parents[1] / "docs" / "benchmarks" / "augmentation.md"
SIZES = ((128, 256), (512, 1024))
BATCH = 8
RADIUS = 2  # pixels of the dilated masks
COLOUR = {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1}


def best(function: Callable[[], object], device: str = "cpu", rounds: int = 7) -> float:
    """Return the smallest time of a call in milliseconds: what other programs take is left out."""
    times = []
    for _ in range(rounds + 1):  # the first one warms up
        start = time.perf_counter()
        function()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 1e3 * min(times[1:])


def changes() -> dict[str, nn.Module]:
    """Return the changes of kornia; each is always made."""
    return {
        "colour": ColorJitter(**COLOUR, p=1.0),
        "white balance": RandomPlanckianJitter(mode="CIED", p=1.0),
        "rain": Turned(RandomRain((100, 300), (3, 8), (-2, 3), p=1.0)),
        "snow": RandomSnow((0.2, 0.5), (1.2, 2.0), p=1.0),
    }


def reader_times(size: tuple[int, int]) -> dict[str, float]:
    """Return what albumentations takes for one picture, as the reader calls it."""
    sample = {"image": torch.rand(3, *size)}
    generator = torch.Generator().manual_seed(0)
    colour = Colour(**COLOUR, p=1.0)
    planck = Compose([PlanckianJitter(mode="cied", p=1.0)])
    picture = (sample["image"] * 255).byte().permute(1, 2, 0).contiguous().numpy()
    return {
        "colour": best(lambda: colour(sample, generator)),
        "white balance": best(lambda: planck(image=picture)),
    }


def augmentation_rows(device: str) -> list[str]:
    rows = []
    for size in SIZES:
        reader = reader_times(size)
        images = torch.rand(BATCH, 3, *size, device=device)
        seeds = torch.arange(BATCH)
        for name, change in changes().items():
            each = BatchAugmentation([change])
            one = best(partial(each, images, seeds), device) / BATCH
            whole = best(partial(change, images), device) / BATCH
            before = f"{reader[name]:.2f}" if name in reader else ""
            where = f"{device} | {size[0]}x{size[1]} | {name}"
            rows.append(f"| {where} | {before} | {one:.2f} | {whole:.2f} |")
    return rows


def kornia_sobel(distance: Tensor) -> Tensor:
    """Return the same as `sobel_magnitude` of a whole map."""
    padded = pg.pad(distance, 1)  # kornia itself repeats the border
    across, down = spatial_gradient(padded, normalized=False)[..., 1:-1, 1:-1].unbind(2)
    squared = across**2 + down**2
    return torch.where(squared > 0, torch.where(squared > 0, squared, 1.0).sqrt(), 0.0)


def cv2_dilated(mask: np.ndarray) -> np.ndarray:
    wide = np.pad(mask.astype(np.uint8), ((0, 0), (RADIUS, RADIUS)), mode="wrap")
    side = 2 * RADIUS + 1
    return cv2.dilate(wide, np.ones((side, side), np.uint8))[:, RADIUS:-RADIUS] > 0


def kornia_dilated(mask: np.ndarray) -> np.ndarray:
    wide = np.pad(mask, ((0, 0), (RADIUS, RADIUS)), mode="wrap")
    side = 2 * RADIUS + 1
    grown = dilation(torch.from_numpy(wide).float()[None, None], torch.ones(side, side))
    return (grown[0, 0, :, RADIUS:-RADIUS] > 0).numpy()


def filter_rows() -> list[str]:
    rows = []
    for height, width in SIZES:
        distance = 1 + 5 * torch.rand(BATCH, 1, height, width)
        valid = torch.ones_like(distance, dtype=torch.bool)
        ours = sobel_magnitude(distance, valid)[0]
        apart = float((ours - kornia_sobel(distance)).abs().max())
        bare = spatial_gradient(distance, normalized=False).pow(2).sum(2).sqrt()
        seam = float((ours - bare).abs()[..., (0, -1)].max())
        own = best(partial(sobel_magnitude, distance, valid)) / BATCH
        other = best(partial(kornia_sobel, distance)) / BATCH
        size = f"{height}x{width}"
        result = f"{apart:.1e} on a padded map, {seam:.1f} at the seam without"
        rows.append(f"| Sobel length, torch | {size} | {own:.2f} | {other:.2f} | {result} |")
        mask = np.random.default_rng(0).random((height, width)) > 0.9
        same = bool((cv2_dilated(mask) == kornia_dilated(mask)).all())
        own, other = best(partial(cv2_dilated, mask)), best(partial(kornia_dilated, mask))
        result = "equal" if same else "not equal"
        rows.append(f"| dilation 5x5, OpenCV | {size} | {own:.2f} | {other:.2f} | {result} |")
    return rows


def main() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    augmentation = [row for device in devices for row in augmentation_rows(device)]
    filters = filter_rows()
    load = os.getloadavg()[0]
    lines = [
        "# Augmentation and filters: the reader's side and kornia",
        "",
        f"`benchmarks/augmentation.py`; one thread, smallest of 7 calls. {os.cpu_count()} cores, "
        f"{platform.machine()}, Python",
        f"{platform.python_version()}, load average after the run {load:.1f}: above the number of "
        "cores, other programs took part of them.",
        "",
        "Milliseconds per picture. Reader: albumentations, on bytes, in a worker. Each by itself: "
        "`BatchAugmentation`, where a",
        f"draw decides its picture. One call: kornia on the batch of {BATCH} at once, whose "
        "pictures depend on what is beside them.",
        "",
        "| device | size | change | reader | each by itself | one call |",
        "| --- | --- | --- | --- | --- | --- |",
        *augmentation,
        "",
        "Milliseconds per map on a CPU; the last column says by how much results differ.",
        "",
        "| filter, ours by | size | ours | kornia | results |",
        "| --- | --- | --- | --- | --- |",
        *filters,
    ]
    REPORT.write_text("\n".join(lines) + "\n")
    print(REPORT.read_text())


if __name__ == "__main__":
    main()
