"""Resampling without data-dependent branches: coordinates of all pixels, then explicit taps.

The one back end that takes everything: compilers, accelerators, any mode, gradients of rotations
and of intrinsics.
"""

import torch

from pano_geometry.cameras.base import Camera
from pano_geometry.pixels import EXACT_ON, lacks_float64
from pano_geometry.resampling.sampling import sample_planes, working_dtype
from pano_geometry.resampling.taps import Mode
from pano_geometry.tensor_types import Tensor


def resample_explicitly(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> tuple[Tensor, Tensor | None]:
    """Return values (n, c, ho, wo), and which pixels were seen (n, ho, wo); None if all."""
    u, v = source_pixels(source, target, rotation, working_dtype(image), image.device)
    seen = seen_pixels(source, target, u, v)
    if seen is None:
        return sample_planes(image, u, v, source.surface, mode), None
    zero = torch.zeros_like(u)
    inside = ~(torch.isnan(u) | torch.isnan(v))
    u, v = torch.where(inside, u, zero), torch.where(inside, v, zero)
    values = sample_planes(image, u, v, source.surface, mode)
    return torch.where(seen[:, None], values, torch.zeros_like(values)), seen


def source_pixels(
    source: Camera,
    target: Camera,
    rotation: Tensor | None,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Return pixel coordinates in `source` of all pixels of `target`: two planes (n, ho, wo)."""
    planes = target.ray_planes(rotation, dtype, device)
    x, y, z = (plane if plane.ndim == 3 else plane[None] for plane in planes)
    return source.project_planes(x, y, z)


def seen_pixels(source: Camera, target: Camera, u: Tensor, v: Tensor) -> Tensor | None:
    """Return which pixels of `target` get a value, (n, ho, wo); None if all do."""
    mask = target.image_mask(EXACT_ON if lacks_float64(u.device) else u.device)
    mask = None if mask is None else mask.to(u.device)
    if source.sees_everything:
        return None if mask is None else mask.expand(u.shape)
    seen = source.contains(u, v)
    return seen if mask is None else seen & mask
