"""From any camera to any camera."""

import torch

from pano_geometry import packed
from pano_geometry.cache import grid_cache
from pano_geometry.cameras.base import Camera, Surface
from pano_geometry.errors import check_image, check_mask, check_rotation
from pano_geometry.gathering import is_small_view
from pano_geometry.gpu import resample as gpu
from pano_geometry.grids import build_grid
from pano_geometry.minification import Supersample, average, supersampling
from pano_geometry.native import kernel
from pano_geometry.sampling import (
    check_mode,
    pad_strip,
    restore,
    sample_grid,
    sample_planes,
    seen_on,
    working_dtype,
)
from pano_geometry.streaming import resample_once
from pano_geometry.taps import Mode
from pano_geometry.tensor_types import Bool, Float, Shaped, Tensor


def resample(
    image: Shaped[Tensor, "b c h w"],
    source: Camera,
    target: Camera,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> Shaped[Tensor, "n c ho wo"]:
    """The image as another camera at the same place sees it.

    Args:
        image: taken by `source`, of its size. One image serves a batch of rotations.
        source: camera of `image`.
        target: camera of the result.
        rotation: (3, 3) or (b, 3, 3), maps rays of `target` into the frame of `source`;
            the identity if not given. Values are checked on the CPU only.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: rays along each side of a pixel of the result, averaged; "auto" takes as
            many as the minification needs. Not with "nearest".

    Returns:
        (n, c, ho, wo) in the dtype of `image`, n the larger of the batches; 0 where `source`
        sees nothing. Differentiable in `image` and `rotation` (and intrinsics given as tensors).
        NaN and inf stay within the footprint of the kernel.

    Raises:
        ShapeError: `image` is not (b, c, h, w) of the size of `source`, or batches do not fit.
        ValueError: `rotation` is not a proper rotation.
        TypeError: labels with a mode that mixes them.
    """
    check_request(image, source, target, rotation, mode)
    factor = supersampling(supersample, source, target)
    if factor == 1:
        return resample_seen(image, source, target, rotation, mode)[0]
    return resample_averaged(image, source, target, rotation, mode, factor)[0]


def resample_masked(
    image: Shaped[Tensor, "b c h w"],
    valid: Bool[Tensor, "b 1 h w"],
    source: Camera,
    target: Camera,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
    threshold: float = 0.5,
) -> tuple[Shaped[Tensor, "n c ho wo"], Float[Tensor, "n 1 ho wo"]]:
    """`resample` of the valid pixels alone.

    Args:
        image: as in `resample`; values that are not valid may be anything.
        valid: pixels to use.
        source: camera of `image`.
        target: camera of the result.
        rotation: as in `resample`.
        mode: "nearest" or "bilinear".
        supersample: as in `resample`.
        threshold: least coverage that gives a value, > 0.

    Returns:
        The weighted mean sum(w v) / sum(w) over valid taps, 0 where the coverage is below the
        threshold; and the coverage sum(w), in [0, 1]. Values under the mask (NaN included)
        change neither result nor gradient.
    """
    check_request(image, source, target, rotation, mode)
    check_mask("valid", valid, image)
    if mode == "bicubic":
        raise ValueError(
            "mode: got 'bicubic', whose negative weights do not make a mean; expected "
            "'nearest' or 'bilinear'"
        )
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold: got {threshold}, expected 0 < threshold <= 1")
    dtype = working_dtype(image)
    kept = torch.where(valid, image, torch.zeros_like(image))
    mask = valid.expand(image.shape[0], -1, -1, -1).to(dtype)
    arguments = source, target, rotation, mode, supersample
    if mode == "nearest":  # apart: labels keep their dtype, and one tap needs no mean
        values, coverage = resample(kept, *arguments), resample(mask, *arguments)
        return torch.where(coverage > 0, values, torch.zeros_like(values)), coverage
    both = resample(torch.cat([kept.to(dtype), mask], 1), *arguments)
    coverage = both[:, -1:]
    enough = coverage >= threshold
    values = both[:, :-1] / torch.where(enough, coverage, torch.ones_like(coverage))
    values = torch.where(enough, values, torch.zeros_like(values))
    return restore(values, image.dtype), coverage.detach()


def check_request(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> None:
    """Refuse what `resample` cannot do."""
    for name, camera in (("source", source), ("target", target)):
        if not isinstance(camera, Camera):
            raise TypeError(f"{name}: got {type(camera).__name__}, expected a pano_geometry.Camera")
    check_image("image", image, source.size)
    check_mode(mode, image)
    if rotation is not None:
        check_rotation("rotation", rotation, image.shape[0])


def resample_seen(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> tuple[Tensor, Tensor | None]:
    """`resample` of checked arguments, and which pixels were seen (n, ho, wo); None if all."""
    if _takes_grids(image, source, target, rotation, mode):
        return _by_grid(image, source, target, rotation)
    if _takes_gpu_kernel(image, source, target, rotation, mode):
        strip = pad_strip(image, 1) if source.surface is Surface.CUBE else image
        return gpu.resample(strip, source, target, rotation)
    dtype = working_dtype(image)
    u, v = source_pixels(source, target, rotation, dtype, image.device)
    seen = seen_pixels(source, target, u, v)
    if seen is None:
        return sample_planes(image, u, v, source.surface, mode), None
    zero = torch.zeros_like(u)
    inside = ~(torch.isnan(u) | torch.isnan(v))
    u, v = torch.where(inside, u, zero), torch.where(inside, v, zero)
    values = sample_planes(image, u, v, source.surface, mode)
    return torch.where(seen[:, None], values, torch.zeros_like(values)), seen


def resample_averaged(
    image: Tensor,
    source: Camera,
    target: Camera,
    rotation: Tensor | None,
    mode: Mode,
    factor: int,
) -> tuple[Tensor, Tensor | None]:
    """`resample_seen` by the mean of `factor` squared rays a pixel, and the share of them that was seen.

    The share is (n, 1, ho, wo), None if all were seen; the mean is over these.
    """
    if mode == "nearest":
        raise ValueError("supersample: got mode 'nearest', which keeps values and cannot average")
    # Means are taken before rounding.
    exact = image.to(working_dtype(image))
    fine, seen = resample_seen(exact, source, target.finer(factor), rotation, mode)
    values = average(fine, factor)
    if seen is None:
        return restore(values, image.dtype), None
    share = average(seen[:, None].to(values.dtype), factor)
    values = values / torch.where(share > 0, share, torch.ones_like(share))
    return restore(values, image.dtype), share


def _takes_grids(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> bool:
    """Whether coordinates may be computed apart, without gradients, on the CPU."""
    if torch.compiler.is_compiling() or mode != "bilinear" or image.device.type != "cpu":
        return False
    if source.key() is None or target.key() is None or source.surface is Surface.CYLINDER:
        return False
    if rotation is not None and (_differentiates(rotation) or rotation.device.type != "cpu"):
        return False
    if kernel.enabled() and image.dtype == torch.uint8:
        return True
    small = is_small_view(image, target.size)
    return not small or _read_in_place(image, source, target, rotation)


def _takes_gpu_kernel(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None, mode: Mode
) -> bool:
    """Whether one launch does it; gradients of rotations and compilers take the plain path."""
    if torch.compiler.is_compiling() or mode != "bilinear" or not gpu.takes(image, source, target):
        return False
    return rotation is None or not _differentiates(rotation)


def _by_grid(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    if kernel.enabled():
        found = _by_kernel(image, source, target, rotation)
        if found is not None:
            return found
    # A kept grid would want the whole image converted.
    if _read_in_place(image, source, target, rotation):
        return resample_once(image, source, target, rotation)
    dtype = working_dtype(image)
    turn = None if rotation is None else (rotation.ndim, *rotation.flatten().tolist())
    key = (source.key(), target.key(), turn, dtype)
    grid = grid_cache.get(
        key, lambda: build_grid(source, target, rotation, dtype), at_once=rotation is None
    )
    if grid is not None:
        return sample_grid(image, grid, source.surface), seen_on(grid, target.size)
    if _serves_once(image, source, target, rotation):
        return resample_once(image, source, target, rotation)
    grid = build_grid(source, target, rotation, dtype)
    return sample_grid(image, grid, source.surface), seen_on(grid, target.size)


def _read_in_place(image: Tensor, source: Camera, target: Camera, rotation: Tensor | None) -> bool:
    """Whether a small view is read without converting the image; a cube's ring needs it all."""
    if source.surface is Surface.CUBE or not is_small_view(image, target.size):
        return False
    return _serves_once(image, source, target, rotation)


def _serves_once(image: Tensor, source: Camera, target: Camera, rotation: Tensor | None) -> bool:
    """Whether coordinates serve one sample; a gradient needs them again, and so do many channels."""
    if not source.sees_everything or _differentiates(image):
        return False
    if rotation is not None and rotation.ndim == 3 and rotation.shape[0] > 1:
        return True
    return image.shape[0] == 1 and not packed.pays(image, target.size, source.surface)


def _by_kernel(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None
) -> tuple[Tensor, Tensor | None] | None:
    """By the compiled kernel, if it knows the cameras, nobody asks for gradients, no table is faster."""
    if _differentiates(image):
        return None
    shared = rotation is None or rotation.ndim == 2
    if shared and image.dtype == torch.float32 and packed.pays(image, target.size, source.surface):
        return None
    if kernel.takes_cube(image, source, target):
        return kernel.resample(pad_strip(image, 1), source, target, rotation)
    if kernel.takes(image, source, target):
        return kernel.resample(image, source, target, rotation)
    return None


def _differentiates(tensor: Tensor) -> bool:
    return tensor.requires_grad and torch.is_grad_enabled()


def source_pixels(
    source: Camera,
    target: Camera,
    rotation: Tensor | None,
    dtype: torch.dtype,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Pixel coordinates in `source` of all pixels of `target`: two planes (n, ho, wo)."""
    planes = target.ray_planes(rotation, dtype, device)
    x, y, z = (plane if plane.ndim == 3 else plane[None] for plane in planes)
    return source.project_planes(x, y, z)


def seen_pixels(source: Camera, target: Camera, u: Tensor, v: Tensor) -> Tensor | None:
    """Which pixels of `target` get a value, (n, ho, wo); None if all do."""
    mask = target.image_mask(u.device)
    if source.sees_everything:
        return None if mask is None else mask.expand(u.shape)
    seen = source.contains(u, v)
    return seen if mask is None else seen & mask


def coverage(
    source: Camera,
    target: Camera,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    device: torch.device | str | None = None,
) -> Bool[Tensor, "n 1 ho wo"]:
    """Which pixels of `target` look into the image of `source`.

    Args:
        source: camera of an image.
        target: camera of the mask.
        rotation: as in `resample`.
        device: of the result, the CPU by default.
    """
    if rotation is not None:
        check_rotation("rotation", rotation)
    where = torch.device(device or "cpu")
    u, v = source_pixels(source, target, rotation, torch.float32, where)
    seen = seen_pixels(source, target, u, v)
    return (torch.ones_like(u, dtype=torch.bool) if seen is None else seen)[:, None]
