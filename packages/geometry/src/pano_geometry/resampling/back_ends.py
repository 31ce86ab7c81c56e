"""The ways from one camera to another, in order: the first that takes a request runs."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from pano_geometry.cameras.base import Camera, Surface
from pano_geometry.compiling import is_transformed
from pano_geometry.pixels import EXACT_ON, lacks_float64
from pano_geometry.resampling import packed
from pano_geometry.resampling.cache import grid_cache
from pano_geometry.resampling.gpu import resample as gpu
from pano_geometry.resampling.grids import Grid, build_grid
from pano_geometry.resampling.native import kernel
from pano_geometry.resampling.sampling import (
    filled_pixels,
    pad_strip,
    sample_grid,
    sample_planes,
    working_dtype,
)
from pano_geometry.resampling.streaming import is_small_view, resample_once
from pano_geometry.resampling.taps import Mode
from pano_geometry.tensor_types import Tensor


def resample_explicitly(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> tuple[Tensor, Tensor | None]:
    """Return values (n, c, ho, wo), and which pixels were seen (n, ho, wo); None if all.

    No branch depends on data: coordinates of all pixels, then explicit taps. The one back end that
    takes everything: compilers, accelerators, any mode, gradients of rotations and of intrinsics.
    """
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


class Request(NamedTuple):
    """Checked arguments of `resample`, and what several back ends ask about them.

    Attributes:
        image: (b, c, h, w).
        source: Camera of the image.
        target: Camera of the result.
        rotation: (3, 3) or (b, 3, 3), or None.
        mode: Of interpolation.
        separable: Whether coordinates may be computed apart from values: bilinear on the CPU,
            eager, without a gradient of the coordinates.
        small: Whether converting the image would cost most of the work.
    """

    image: Tensor
    source: Camera
    target: Camera
    rotation: Tensor | None
    mode: Mode
    separable: bool
    small: bool


Resampled = tuple[Tensor, Tensor | None]
"""Values (n, c, ho, wo), and which pixels were seen (n, ho, wo); None if all were."""


class BackEnd(NamedTuple):
    """One way to resample.

    Attributes:
        name: What it is, for people.
        takes: Whether it serves a request.
        run: Serve a request that it takes.
    """

    name: str
    takes: Callable[[Request], bool]
    run: Callable[[Request], Resampled]


def resample_seen(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> Resampled:
    """Resample checked arguments by the first back end that takes them."""
    separable = _separable(image, source, target, rotation, mode)
    small = separable and is_small_view(image, target.size)
    request = Request(image, source, target, rotation, mode, separable, small)
    for back_end in BACK_ENDS:
        if back_end.takes(request):
            return back_end.run(request)
    raise AssertionError("the last back end takes everything")


def _separable(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> bool:
    if is_transformed() or mode != "bilinear" or image.device.type != "cpu":
        return False
    if source.key() is None or target.key() is None or source.surface is Surface.CYLINDER:
        return False
    return rotation is None or not (_differentiates(rotation) or rotation.device.type != "cpu")


def _differentiates(tensor: Tensor) -> bool:
    return tensor.requires_grad and torch.is_grad_enabled()


def _takes_kernel(r: Request) -> bool:
    """Tell whether the compiled kernel knows the cameras, and no gradient is asked for."""
    if not (r.separable and kernel.enabled()) or _differentiates(r.image):
        return False
    cube = kernel.takes_cube(r.image, r.source, r.target)
    return cube or kernel.takes(r.image, r.source, r.target)


def _run_kernel(r: Request) -> Resampled:
    cube = kernel.takes_cube(r.image, r.source, r.target)
    image = pad_strip(r.image, 1) if cube else r.image
    return kernel.resample(image, r.source, r.target, r.rotation)


def _takes_in_place(r: Request) -> bool:
    """Tell whether a small view is read without converting the image (a cube's ring needs all)."""
    return r.small and r.source.surface is not Surface.CUBE and _serves_once(r)


def _serves_once(r: Request) -> bool:
    """Tell whether coordinates serve once: gradients and many channels need them again."""
    if not r.source.sees_everything or _differentiates(r.image):
        return False
    if r.rotation is not None and r.rotation.ndim == 3 and r.rotation.shape[0] > 1:
        return True
    return r.image.shape[0] == 1 and not packed.is_worthwhile(
        r.image, r.target.size, r.source.surface
    )


def _takes_kept_grid(r: Request) -> bool:
    """Return whether the cache holds the grid, or is to hold it from now on."""
    if not r.separable or r.small:
        return False
    return grid_cache.keeps(_grid_key(r), at_once=r.rotation is None)


def _run_kept_grid(r: Request) -> Resampled:
    return _by_grid(r, grid_cache.get(_grid_key(r), lambda: _grid(r)))


def _grid_key(r: Request) -> tuple[object, ...]:
    turn = None if r.rotation is None else (r.rotation.ndim, *r.rotation.flatten().tolist())
    return r.source.key(), r.target.key(), turn, working_dtype(r.image)


def _grid(r: Request) -> Grid:
    return build_grid(r.source, r.target, r.rotation, working_dtype(r.image))


def _by_grid(r: Request, grid: Grid) -> Resampled:
    return sample_grid(r.image, grid, r.source.surface), filled_pixels(grid, r.target.size)


def _takes_streaming(r: Request) -> bool:
    return r.separable and not r.small and _serves_once(r)


def _run_once(r: Request) -> Resampled:
    return resample_once(r.image, r.source, r.target, r.rotation)


def _takes_new_grid(r: Request) -> bool:
    return r.separable and not r.small


def _run_new_grid(r: Request) -> Resampled:
    return _by_grid(r, _grid(r))


def _takes_gpu(r: Request) -> bool:
    """Tell whether one launch does it; gradients of rotations and compilers need explicit taps."""
    if is_transformed() or r.mode != "bilinear":
        return False
    if not gpu.takes(r.image, r.source, r.target):
        return False
    return r.rotation is None or not _differentiates(r.rotation)


def _run_gpu(r: Request) -> Resampled:
    image = pad_strip(r.image, 1) if r.source.surface is Surface.CUBE else r.image
    return gpu.resample(image, r.source, r.target, r.rotation)


def _takes_everything(r: Request) -> bool:
    return True


def _run_explicit(r: Request) -> Resampled:
    return resample_explicitly(r.image, r.source, r.target, r.rotation, r.mode)


BACK_ENDS = (
    BackEnd("compiled CPU kernel", _takes_kernel, _run_kernel),
    BackEnd("small view, read in place", _takes_in_place, _run_once),
    BackEnd("kept grid", _takes_kept_grid, _run_kept_grid),
    BackEnd("coordinates block by block", _takes_streaming, _run_once),
    BackEnd("new grid", _takes_new_grid, _run_new_grid),
    BackEnd("Triton kernel", _takes_gpu, _run_gpu),
    BackEnd("explicit taps", _takes_everything, _run_explicit),
)
