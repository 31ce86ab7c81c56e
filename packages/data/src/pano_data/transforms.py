"""Paired augmentations of panoramas: what moves pixels moves image, distance and masks alike."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.errors import MissingExtraError
from pano_data.sample import ErpSample

# The maps of a sample that share one pixel grid; `keep` stands in samples without label only.
MAPS = ("image", "distance", "valid", "far", "keep")


class Augmentation(ABC):
    """A random change of a sample that depends on the sample and a generator only.

    The data set seeds the generator per sample from (seed, epoch, position), so the same draw
    gives the same picture in any worker, on any rank and after any restart.
    """

    @abstractmethod
    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Return the changed sample; the given one and its tensors stay as they are."""


class Compose(Augmentation):
    """Several augmentations, one after the other, on one stream of random numbers.

    Args:
        transforms: Applied in this order.
    """

    def __init__(self, transforms: Sequence[Augmentation]) -> None:
        self.transforms = tuple(transforms)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Apply all transforms."""
        for transform in self.transforms:
            sample = transform(sample, generator)
        return sample


class Roll(Augmentation):
    """Turn the panorama about the vertical axis by a whole number of pixels.

    The shift is uniform over all columns. A roll by one column is a yaw of `2π / width`.

    Args:
        p: Probability of turning at all.

    Source: Depth Anywhere, released training readers (p = 1); DAP, section 4.1.
    """

    def __init__(self, p: float = 1.0) -> None:
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Roll all maps by one random shift."""
        turn = draw_bool(self.p, generator)
        shift = int(torch.randint(sample["image"].shape[-1], (), generator=generator))
        return map_pixels(sample, lambda x: x.roll(shift, -1)) if turn else sample


class Flip(Augmentation):
    """Mirror the panorama left to right about its central meridian.

    With pixel centres at +0.5 this is exactly `lon -> -lon`.

    Args:
        p: Probability of mirroring.

    Source: Depth Anywhere, released training readers (p = 0.5); DAP, section 4.1.
    """

    def __init__(self, p: float = 0.5) -> None:
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Mirror all maps or none."""
        return map_pixels(sample, lambda x: x.flip(-1)) if draw_bool(self.p, generator) else sample


class Rotate(Augmentation):
    """Rotate the panorama as a sphere: the horizon tilts, poles move into the picture.

    The image is sampled bilinearly, distance and masks by the nearest pixel: a mean over an edge
    would be a distance where nothing is. Distance to the camera centre does not change.

    Args:
        max_tilt_deg: Largest tilt of the vertical axis; 180 draws uniformly from all of SO(3).
        p: Probability of rotating at all.

    Raises:
        ValueError: The tilt is not in (0, 180], or `p` is no probability.
    """

    def __init__(self, max_tilt_deg: float = 180.0, p: float = 0.5) -> None:
        if not 0 < max_tilt_deg <= 180:
            raise ValueError(f"got max_tilt_deg={max_tilt_deg}, expected a tilt in (0, 180]")
        self.max_tilt_deg = max_tilt_deg
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Rotate all maps by one random rotation, or none."""
        turn = draw_bool(self.p, generator)
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


class Limit(Augmentation):
    """Calls what lies beyond a distance far instead of valid.

    An L1 loss in metres is ruled by the few pixels that look out of a window; published indoor sets
    have no label there at all.

    Args:
        high_m: Largest distance that stays valid, metres.

    Raises:
        ValueError: The distance is not positive.
    """

    def __init__(self, high_m: float) -> None:
        if not high_m > 0:
            raise ValueError(f"got high_m={high_m}, expected a positive distance in metres")
        self.high_m = high_m

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Move pixels beyond the limit from `valid` to `far`; their distance becomes 0."""
        beyond = sample["valid"] & (sample["distance"] > self.high_m)
        changed = sample.copy()
        changed["valid"] = sample["valid"] & ~beyond
        changed["far"] = sample["far"] | beyond
        changed["distance"] = torch.where(beyond, 0.0, sample["distance"])
        return changed


class Colour(Augmentation):
    """Brightness, contrast, saturation and hue; optionally gamma, blur and noise.

    The transform is seeded from the generator of the sample: unseeded, forked loader workers would
    all draw the same colours.

    Args:
        brightness: Factor range around 1, as all three below.
        contrast: As `brightness`.
        saturation: As `brightness`.
        hue: Largest shift of hue, in turns of the colour circle.
        gamma: Range of the exponent in percent, or None.
        noise: Largest standard deviation of Gaussian noise, in units of the image [0, 1]; 0: none.
        blur: Largest odd kernel of a Gaussian blur in pixels, over the seam; 0 for none.
        p: Probability of each of the changes.

    Raises:
        MissingExtraError: albumentations is not installed.

    Source: Depth Anywhere, released training readers (0.8-1.2, hue 0.1, p 0.5); DAP, section 4.1.
    """

    def __init__(
        self,
        brightness: float = 0.2,
        contrast: float = 0.2,
        saturation: float = 0.2,
        hue: float = 0.1,
        gamma: tuple[float, float] | None = None,
        noise: float = 0.0,
        blur: int = 0,
        p: float = 0.5,
    ) -> None:
        check_probability(p)
        try:
            import albumentations as A  # noqa: N812 - optional, and seconds to import
        except ImportError as error:
            raise MissingExtraError("pano_data.transforms.Colour", "albumentations") from error
        jitter = A.ColorJitter(
            brightness=(1 - brightness, 1 + brightness),
            contrast=(1 - contrast, 1 + contrast),
            saturation=(1 - saturation, 1 + saturation),
            hue=(-hue, hue),
            p=p,
        )
        changes = [jitter]
        if gamma is not None:
            changes.append(A.RandomGamma(gamma_limit=tuple(gamma), p=p))
        if blur:
            changes.append(A.GaussianBlur(blur_limit=(3, blur), p=p))
        if noise:
            changes.append(A.GaussNoise(std_range=(0.0, noise), p=p))
        self.compose = A.Compose(changes, strict=True)
        self.margin = blur // 2

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Change the image; distance and masks stay as they are."""
        self.compose.set_random_seed(int(torch.randint(2**31, (), generator=generator)))
        picture: NDArray[np.uint8] = (
            (sample["image"] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
        )
        turned = np.pad(picture, ((0, 0), (self.margin, self.margin), (0, 0)), mode="wrap")
        changed = self.compose(image=turned)["image"][:, self.margin :][:, : picture.shape[1]]
        image = torch.from_numpy(np.ascontiguousarray(changed)).permute(2, 0, 1).float() / 255
        return {**sample, "image": image}


class GraduatedExposure(Augmentation):
    """Darken or lighten what lies above a level, as graduated filters and tone mapping do.

    Cameras and HDR merging bring the sky to the brightness of the ground; renderings never do. A
    network of renderings takes what is dark above for a ceiling. The exposure changes smoothly over
    latitude, from 0 below the level to a random number of stops above it, and the pixels clip at 1.
    Distance and masks stay as they are.

    Args:
        stops: Range of the change above the level, in stops of linear light.
        level_deg: Range of the latitude of half the change, degrees.
        width_deg: From the latitude without change to that of the full change, degrees.
        p: Probability of the change.

    Raises:
        ValueError: If a range does not ascend, or the width is not positive.
    """

    GAMMA = 2.2  # of the pictures

    def __init__(
        self,
        stops: tuple[float, float] = (-1.5, 0.7),
        level_deg: tuple[float, float] = (-10.0, 30.0),
        width_deg: float = 30.0,
        p: float = 0.5,
    ) -> None:
        for name, (low, high) in (("stops", stops), ("level_deg", level_deg)):
            if not low <= high:
                raise ValueError(f"got {name}={[low, high]}, expected the lower bound first")
        if not width_deg > 0:
            raise ValueError(f"got width_deg={width_deg}, expected a positive angle")
        self.stops, self.level_deg, self.width_deg = tuple(stops), tuple(level_deg), width_deg
        self.p = check_probability(p)

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Change the image, or return the sample."""
        change = draw_bool(self.p, generator)
        amount, place = torch.rand(2, generator=generator).tolist()
        if not change:
            return sample
        stops = self.stops[0] + (self.stops[1] - self.stops[0]) * amount
        level = self.level_deg[0] + (self.level_deg[1] - self.level_deg[0]) * place
        latitudes = torch.rad2deg(pg.row_latitudes(sample["image"].shape[-2]))
        part = ((latitudes - level) / self.width_deg + 0.5).clamp(0, 1)
        part = part * part * (3 - 2 * part)
        factor = (2.0 ** (stops * part / self.GAMMA)).to(sample["image"].dtype)
        return {**sample, "image": (sample["image"] * factor[:, None]).clamp(max=1.0)}


def map_pixels(sample: ErpSample, function: Callable[[torch.Tensor], torch.Tensor]) -> ErpSample:
    """Return a copy of the sample with `function` applied to each of its maps."""
    changed = sample.copy()
    for name in (name for name in MAPS if name in sample):
        changed[name] = function(sample[name])  # type: ignore[literal-required]
    return changed


def draw_bool(p: float, generator: torch.Generator) -> bool:
    """Return True with probability `p`; always consumes exactly one number."""
    return bool(torch.rand((), generator=generator) < p)


def check_probability(p: float) -> float:
    """Return `p`, or raise a `ValueError` if it is no probability."""
    if not 0 <= p <= 1:
        raise ValueError(f"a probability lies between 0 and 1, got {p}")
    return p
