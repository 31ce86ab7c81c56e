"""Transforms of Depth Anywhere's students: polar caps, and the picture the teacher looks at."""

from typing import Any

import torch

import pano_geometry as pg
from pano_data import Augmentation, ErpSample
from pano_data.transforms import check_probability, draw_bool

UNSEEN = ("valid", "far", "keep")
"""Masks of a sample that a cap is taken out of."""


class PoleCaps(Augmentation):
    """Blackens what lies around the zenith and around the nadir, each down to an angle of its own.

    A network that has only met whole panoramas fails on pictures with caps, and batch statistics
    carry the failure to every pixel. Under a cap nothing is scored: there is nothing to be seen.

    Args:
        p: Share of the pictures with caps.
        angle_deg: Smallest and largest angle between a pole and the border of its cap, degrees.

    Source: ours. The caps of Stanford2D3D reach down to about 22 degrees.
    """

    def __init__(self, p: float = 0.3, angle_deg: tuple[float, float] = (5.0, 30.0)) -> None:
        low, high = angle_deg
        if not 0 <= low <= high < 90:
            raise ValueError(f"got angle_deg={angle_deg}, expected 0 <= low <= high < 90 degrees")
        self.p = check_probability(p)
        self.angle_deg = (float(low), float(high))

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Return the sample with two caps, or as it is."""
        capped = draw_bool(self.p, generator)
        low, high = self.angle_deg
        angles = torch.deg2rad(low + (high - low) * torch.rand(2, generator=generator))
        if not capped:
            return sample
        image = sample["image"]
        latitude = pg.row_latitudes(image.shape[-2])
        top, bottom = torch.pi / 2 - angles
        seen = ((latitude <= top) & (latitude >= -bottom))[None, :, None]
        changed = sample.copy()
        changed["image"] = torch.where(seen, image, 0.0)
        for name in (name for name in UNSEEN if name in sample):
            changed[name] = sample[name] & seen  # type: ignore[literal-required]
        changed["distance"] = torch.where(seen, sample["distance"], 0.0)
        return changed


PLAIN = "plain_image"


class PlainPicture(Augmentation):
    """Keeps the picture as it is at this place of the transforms, under `plain_image`.

    Put it behind what moves pixels and before what changes colours.

    Source: Depth Anywhere's release labels the picture without colour jitter.
    """

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Return the sample with the picture twice."""
        kept: Any = {**sample, PLAIN: sample["image"]}
        return kept  # type: ignore[no-any-return]
