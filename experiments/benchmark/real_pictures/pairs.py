"""Perspective pictures with sensor depth: is a teacher better than a constant and than a plane?"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pano_data import read_depth, read_picture
from pano_geometry import resize
from pano_geometry.tensor_types import Bool, Float
from pano_losses import metrics
from pano_losses.alignment import least_squares_scale_shift

SAMPLE_ENDING = "_sample.json"
MOST = 3.0
"""Times the largest true depth: what a fitted depth counts as at most, where disparity nears 0."""


class DepthPair(NamedTuple):
    """A picture and its depth.

    Attributes:
        name: What comes before `_sample.json`.
        rgb: `(1, 3, h, w)` in [0, 1].
        depth: `(1, 1, h, w)`, metres along the optical axis; 0 where there is no value.
    """

    name: str
    rgb: Tensor
    depth: Tensor


class PairScores(NamedTuple):
    """AbsRel of depth, each after the scale and shift of inverse depth that fit best; >= 0.

    Attributes:
        network: Of the prediction.
        constant: Of one inverse depth for all pixels.
        plane: Of an inverse depth that is affine in column and row: the best plane in space.
    """

    network: float
    constant: float
    plane: float


def read_pairs(folder: Path) -> list[DepthPair]:
    """Read `NAME_sample.json` (its `depth_scale`), `NAME_rgb.*` and `NAME_depth.png`.

    Raises:
        ValueError: No such files, or a picture and a depth of different sizes.
    """
    samples = sorted(folder.glob(f"*{SAMPLE_ENDING}"))
    if not samples:
        raise ValueError(f"{folder} holds no NAME{SAMPLE_ENDING}: expected pairs of NAME_rgb.*")
    return [_read_pair(sample) for sample in samples]


def _read_pair(sample: Path) -> DepthPair:
    name = sample.name.removesuffix(SAMPLE_ENDING)
    pictures = sorted(sample.parent.glob(f"{name}_rgb.*"))
    if not pictures:
        raise ValueError(f"{sample} has no {name}_rgb.* beside it")
    scale = float(json.loads(sample.read_text())["depth_scale"])
    rgb = read_picture(pictures[0]).tensor
    stored = read_depth(sample.with_name(f"{name}_depth.png"), "png")
    if stored.shape != tuple(rgb.shape[-2:]):
        raise ValueError(f"{name}: depth {stored.shape}, expected {tuple(rgb.shape[-2:])}")
    depth = torch.from_numpy(np.asarray(stored, np.float32) / scale)
    return DepthPair(name, rgb[None].float() / 255, depth[None, None])


def score_pair(disparity: Float[Tensor, "1 1 h w"], pair: DepthPair) -> PairScores:
    """Score an affine disparity of the picture's size beside what needs no picture."""
    valid = pair.depth > 0
    rows, columns = (torch.linspace(-1, 1, n, dtype=torch.float64) for n in pair.depth.shape[-2:])
    plane = _best_plane(pair.depth, valid, rows, columns)
    candidates = (disparity.double(), torch.ones_like(plane), plane)
    return PairScores(*(_absrel(candidate, pair.depth.double(), valid) for candidate in candidates))


def predict_disparity(
    network: Callable[[Tensor], dict[str, Tensor]], rgb: Tensor, rows: int, multiple: int = 32
) -> Float[Tensor, "1 1 h w"]:
    """Run a perspective network at about `rows` rows, and bring its disparity back.

    Args:
        network: Gives `disparity_affine`.
        rgb: `(1, 3, h, w)` in [0, 1].
        rows: Of the resized picture, whose aspect stays as far as `multiple` lets it.
        multiple: Rows and columns are multiples of it.
    """
    height, width = rgb.shape[-2:]
    size = [max(1, round(n * rows / height / multiple)) * multiple for n in (height, width)]
    with torch.inference_mode():
        disparity = network(resize(rgb, size, wrap=False))["disparity_affine"]
    return resize(disparity.float(), (height, width), wrap=False)


def _best_plane(depth: Tensor, valid: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the inverse depth a + b u + c v that fits best by least squares."""
    v, u = torch.meshgrid(rows, columns, indexing="ij")
    basis = torch.stack([torch.ones_like(u), u, v], -1)
    kept = valid[0, 0]
    inverse = 1 / depth[0, 0][kept].double()
    solution: Tensor = torch.linalg.lstsq(basis[kept], inverse[:, None]).solution
    return (basis @ solution)[None, None, ..., 0]


def _absrel(
    disparity: Float[Tensor, "1 1 h w"],
    depth: Float[Tensor, "1 1 h w"],
    valid: Bool[Tensor, "1 1 h w"],
) -> float:
    inverse = 1 / torch.where(valid, depth, 1.0)
    fitted = least_squares_scale_shift(disparity, inverse, valid, None).apply(disparity)
    farthest = depth[valid].max()
    return float(
        metrics.absrel.per_image(1 / fitted.clamp(min=1 / (MOST * farthest)), depth, valid)
    )
