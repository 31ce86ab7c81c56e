"""Indoors or outdoors, by the sky of a label: for panoramas whose data set does not say."""

import dataclasses
from collections.abc import Iterable

from torch import Tensor

from pano_data.manifest import Row
from pano_geometry import solid_angle
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


def told_apart(rows: Iterable[Row], shares: Iterable[float], outdoors_from: float) -> list[Row]:
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
