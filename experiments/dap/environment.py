"""Indoors or outdoors, level or not, by the sky of a label: for panoramas nobody has looked at."""

import dataclasses
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from pano_data import Row
from pano_geometry import Equirectangular, solid_angle
from pano_geometry.tensor_types import Bool, Float


def sky_shares(far: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b"]:
    """Return which share of the upper half of the sphere is far, by solid angle.

    Args:
        far: True where a label says sky or beyond range.
    """
    upper = far.shape[-2] // 2
    weights = solid_angle(far.shape[-2], far.shape[-1]).to(far.device)[:upper]
    rows = far[:, 0, :upper].float().mean(-1)
    return (rows * weights).sum(-1) / weights.sum()


def sky_tilts(far: Bool[Tensor, "b 1 h w"]) -> Float[Tensor, "b"]:
    """Return how far the mean direction of the sky is from the zenith, in degrees.

    Far pixels below the horizon count too: upside down, the sky is there. NaN without a far pixel.

    Args:
        far: True where a label says sky or beyond range.
    """
    height, width = far.shape[-2:]
    rays = Equirectangular(height, width).rays(dtype=torch.float64, device=far.device)
    weighted = rays * solid_angle(height, width, dtype=torch.float64).to(far.device)[:, None, None]
    mean = torch.einsum("bhw,hwc->bc", far[:, 0].double(), weighted)
    up = -mean[:, 1] / mean.norm(dim=-1)  # y points down
    tilts: Tensor = up.clamp(-1, 1).acos().rad2deg()
    return tilts


def keep_upright(rows: Sequence[Row], tilts: Sequence[float], max_tilt_deg: float) -> list[Row]:
    """Return the rows whose sky is above; those without a sky are kept, nothing is known of them.

    A street with a house on one side has its sky on the other, 30 to 45 degrees from the zenith: a
    limit below that drops level panoramas.

    Args:
        rows: Of labels.
        tilts: Of `sky_tilts`, one per row.
        max_tilt_deg: Farthest that a sky may be from the zenith.

    Source: DAP (arXiv 2512.16913) drops frames with an unreasonable horizon; the rule is ours.
    """
    kept = zip(rows, tilts, strict=True)
    return [row for row, tilt in kept if not tilt > max_tilt_deg]


def classify_mixed(rows: Iterable[Row], shares: Iterable[float], outdoors_from: float) -> list[Row]:
    """Return the rows with `mixed` replaced by what the sky of their label says.

    Args:
        rows: Of labels.
        shares: Of `sky_shares`, one per row.
        outdoors_from: Least share of an outdoor panorama.

    Source: DAP (arXiv 2512.16913) asks a vision-language model; the rule is ours.
    """
    return [
        dataclasses.replace(row, environment="outdoor" if share >= outdoors_from else "indoor")
        if row.environment == "mixed"
        else row
        for row, share in zip(rows, shares, strict=True)
    ]
