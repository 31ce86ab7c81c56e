"""Cost of every loss (value and gradient) against a plain L1 in the same run.

    python benchmarks/losses.py [--write] [--device cuda] [--height 512] [--batch 4]

`--write` puts the table into docs/benchmarks/losses.md.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor

import pano_geometry as pg
import pano_losses as pl

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "losses.md"
BACKBONE = "vit_small_patch16_dinov3_qkvb"

TERMS: dict[str, pl.Term] = {
    "median-aligned L1 (DA²)": pl.MedianAlignedL1(),
    "normal L1 (DA², DAP)": pl.NormalL1(),
    "SILog (DAP)": pl.SILog(),
    "DF-Gram, 12 views of 128 (DAP)": pl.GramMatrixLoss(),
    "edge SILog (DAP)": pl.EdgeSILog(),
    "points (DAP)": pl.PointL1(),
    "range mask (DAP)": pl.RangeMask(),
    "affine-invariant L1 (Depth Anywhere)": pl.AffineInvariantL1(),
    "BerHu (UniFuse)": pl.BerHu(),
}
FULL = {
    "full DA² loss": pl.WeightedSum({"l1": pl.MedianAlignedL1(), "normal": pl.NormalL1()}),
    "full DAP loss": pl.WeightedSum(
        {
            "silog": pl.SILog(),
            "df": pl.GramMatrixLoss(),
            "grad": pl.EdgeSILog(),
            "normal": pl.NormalL1(),
            "pts": pl.PointL1(),
            "mask": pl.RangeMask(),
        }
    ),
}


def scene(batch: int, height: int, device: str) -> dict[str, Tensor]:
    """Make a box-shaped room, a noisy prediction of it, a tenth of the pixels not valid."""
    generator = torch.Generator().manual_seed(0)
    rays = pg.Equirectangular(height, 2 * height).rays()
    walls = torch.tensor([3.0, 1.4, 4.0])
    target = (walls / rays.abs().clamp(min=1e-9)).amin(-1)[None, None].expand(batch, -1, -1, -1)
    noise = torch.randn(target.shape, generator=generator)
    probability = torch.rand(target.shape, generator=generator)
    valid = torch.rand(target.shape, generator=generator) > 0.1
    maps = {
        "prediction": target * (0.1 * noise).exp(),
        "target": target.clone(),
        "valid": valid,
        "far_probability": probability,
        "far": ~valid & (probability > 0.5),
    }
    return {name: value.to(device) for name, value in maps.items()}


def seconds(step: Callable[[], object], repeats: int, device: str) -> float:
    """Return the median time of a step after one that warms up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        step()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def backward_of(
    loss: Callable[[Mapping[str, Tensor]], Tensor], maps: dict[str, Tensor]
) -> Callable[[], object]:
    leaves = [maps[n].requires_grad_() for n in ("prediction", "far_probability")]

    def step() -> object:
        return torch.autograd.grad(loss(maps), leaves, allow_unused=True)

    return step


def total_of(module: pl.WeightedSum, device: str) -> Callable[[Mapping[str, Tensor]], Tensor]:
    module = module.to(device)
    return lambda maps: module(**maps)[0]


def measure(batch: int, height: int, device: str, repeats: int) -> list[tuple[str, float]]:
    maps = scene(batch, height, device)
    losses: dict[str, Callable[[Mapping[str, Tensor]], Tensor]] = {
        "plain L1": lambda m: (m["prediction"] - m["target"]).abs().mean()
    }
    single = {name: pl.WeightedSum({"term": term}) for name, term in TERMS.items()}
    losses |= {name: total_of(module, device) for name, module in (single | FULL).items()}
    return [(n, seconds(backward_of(f, maps), repeats, device)) for n, f in losses.items()]


def training_step(height: int, device: str, repeats: int) -> tuple[float, float]:
    """Time forward and backward of a ViT-S without head, and of the full DAP loss, on an image."""
    vit = timm.create_model(BACKBONE, num_classes=0, global_pool="").to(device)
    image = torch.rand(1, 3, height, 2 * height, device=device)
    weights = list(vit.parameters())

    def step() -> object:
        return torch.autograd.grad(vit(image).square().mean(), weights, allow_unused=True)

    network = seconds(step, repeats, device)
    total = total_of(FULL["full DAP loss"], device)
    loss = seconds(backward_of(total, scene(1, height, device)), repeats, device)
    return network, loss


def page(arguments: argparse.Namespace) -> str:
    batch, height, device = arguments.batch, arguments.height, arguments.device
    rows = measure(batch, height, device, arguments.repeats)
    base = rows[0][1]
    lines = [f"| {n} | {1e3 * t:.1f} | {t / base:.1f} |" for n, t in rows]
    network, loss = training_step(height, device, max(2, arguments.repeats // 3))
    return "\n".join(
        [
            "# Cost of the losses",
            "",
            f"Value and gradient, float32, {height}x{2 * height}, batch {batch}, median of "
            f"{arguments.repeats}, "
            f"{device}, {torch.get_num_threads()} thread(s), {platform.machine()}, torch "
            f"{torch.__version__.split('+')[0]}. "
            "`python benchmarks/losses.py --write` makes this page. Absolute times are those of a "
            "shared machine: read the ratios.",
            "",
            "| loss | ms | times a plain L1 |",
            "| --- | --- | --- |",
            *lines,
            "",
            f"On one {height}x{2 * height} panorama the full DAP loss takes {1e3 * loss:.0f} ms; "
            f"forward and backward of `{BACKBONE}` alone, "
            f"without heads or optimiser, take {1e3 * network:.0f} ms: the loss is "
            f"{100 * loss / network:.1f} % of it.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    text = page(arguments)
    print(text)
    if arguments.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
