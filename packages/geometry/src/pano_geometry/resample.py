"""From any camera to any camera."""

import torch

from pano_geometry.cameras.base import Camera
from pano_geometry.errors import check_image, check_rotation
from pano_geometry.sampling import check_mode, sample_planes, working_dtype
from pano_geometry.taps import Mode
from pano_geometry.tensor_types import Bool, Float, Shaped, Tensor


def resample(
    image: Shaped[Tensor, "b c h w"],
    source: Camera,
    target: Camera,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
) -> Shaped[Tensor, "n c ho wo"]:
    """The image as another camera at the same place sees it.

    Args:
        image: taken by `source`, of its size. One image serves a batch of rotations.
        source: camera of `image`.
        target: camera of the result.
        rotation: (3, 3) or (b, 3, 3), maps rays of `target` into the frame of `source`;
            the identity if not given.
        mode: "nearest", "bilinear" or "bicubic".

    Returns:
        (n, c, ho, wo) in the dtype of `image`, n the larger of the batches; 0 where `source`
        sees nothing. Differentiable in `image` and `rotation` (and intrinsics given as tensors).

    Raises:
        ShapeError: `image` is not (b, c, h, w) of the size of `source`, or batches do not fit.
        ValueError: `rotation` is not a proper rotation.
    """
    check_image("image", image, source.size)
    check_mode(mode, image)
    if rotation is not None:
        check_rotation("rotation", rotation, image.shape[0])
    dtype = working_dtype(image)
    u, v = source_pixels(source, target, rotation, dtype, image.device)
    seen = seen_pixels(source, target, u, v)
    if seen is None:
        return sample_planes(image, u, v, source.surface, mode)
    zero = torch.zeros_like(u)
    inside = ~(torch.isnan(u) | torch.isnan(v))
    values = sample_planes(
        image,
        torch.where(inside, u, zero),
        torch.where(inside, v, zero),
        source.surface,
        mode,
    )
    return torch.where(seen[:, None], values, torch.zeros_like(values))


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
