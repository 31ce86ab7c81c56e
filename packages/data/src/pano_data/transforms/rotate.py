"""Any rotation of the sphere: resamples, so edges of the masks are treated with care."""

import math
from typing import Any

import torch

import pano_geometry as pg
from pano_data.sample import ErpSample
from pano_data.transforms.base import MAPS, Augmentation, chance, check_probability


class Rotate(Augmentation):
    """Rotate the panorama as a sphere: the horizon tilts, poles move into the picture.

    The image is sampled bilinearly, distance and masks by the nearest pixel: a mean over an edge
    would be a distance where nothing is. Distance to the camera centre does not change.

    Args:
        max_tilt_deg: Largest tilt of the vertical axis; 180 draws uniformly from all of SO(3).
        p: Probability of rotating at all.
    """

    def __init__(self, max_tilt_deg: float = 180.0, p: float = 0.5) -> None:
        if not 0 < max_tilt_deg <= 180:
            raise ValueError(f"got max_tilt_deg={max_tilt_deg}, expected a tilt in (0, 180]")
        self.max_tilt_deg = max_tilt_deg
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Rotate all maps by one random rotation, or none."""
        turn = chance(self.p, generator)
        rotation = self._draw(generator)
        if not turn:
            return sample
        changed: Any = sample.copy()
        changed["image"] = pg.rotate(sample["image"][None], rotation)[0]
        names = [name for name in MAPS[1:] if name in sample]
        labels = torch.cat([changed[name].float() for name in names])
        turned = pg.rotate(labels[None], rotation, mode="nearest")[0].chunk(len(names))
        for name, values in zip(names, turned, strict=True):
            changed[name] = values if name == "distance" else values > 0.5
        return changed  # type: ignore[no-any-return]

    def _draw(self, generator: torch.Generator) -> torch.Tensor:
        if self.max_tilt_deg == 180:
            return pg.random_rotation(1, generator=generator)[0]
        yaw, heading, tilt = torch.rand(3, generator=generator).tolist()
        tilt = math.radians(self.max_tilt_deg) * tilt
        axis = torch.tensor([math.cos(2 * math.pi * heading), 0.0, math.sin(2 * math.pi * heading)])
        up = torch.tensor([0.0, 1.0, 0.0])
        return pg.from_axis_angle(axis * tilt) @ pg.from_axis_angle(up * (2 * math.pi * yaw))
