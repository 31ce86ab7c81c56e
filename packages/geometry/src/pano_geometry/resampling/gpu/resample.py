"""Bilinear resampling on an accelerator in one launch, with a backward pass."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from pano_geometry.cameras.base import Camera, Surface, TableCamera
from pano_geometry.cameras.cubemap import Cubemap, face_camera, face_rotations
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.pixels import EXACT_ON
from pano_geometry.rotations import compose
from pano_geometry.tensor_types import Tensor

DTYPES = (torch.float32, torch.float16, torch.bfloat16)
BLOCK_H, BLOCK_W = 8, 64
LARGEST = 2**31 - 1
SPHERE, PINHOLE, CUBE = 0, 1, 2

_has_triton = find_spec("triton") is not None


def takes(image: Tensor, source: Camera, target: Camera) -> bool:
    """Return whether the kernel knows this image and these cameras; a cube map comes unpadded."""
    if not (_has_triton and image.is_cuda) or image.dtype not in DTYPES:
        return False
    return supports(image, source, target)


def supports(image: Tensor, source: Camera, target: Camera) -> bool:
    """Return the part of `takes` that does not ask for a device."""
    if (
        source.key() is None
        or target.key() is None
        or not isinstance(target, (TableCamera, Cubemap))
    ):
        return False
    if max(image.shape[-1] * image.shape[-2], target.height * target.width) > LARGEST:
        return False
    whole = source.surface is Surface.SPHERE and source.width % 2 == 0
    return whole or isinstance(source, (Perspective, Cubemap))


def resample(
    image: Tensor, source: Camera, target: Camera, rotation: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return values (n, c, h, w), and which pixels were seen (n, h, w), None if all.

    `image` is what `takes` accepted; a cube map comes as its strip of faces padded by one pixel.
    Differentiable in `image`.
    """
    n = max(image.shape[0], rotation.shape[0] if rotation is not None and rotation.ndim == 3 else 1)
    if isinstance(target, Cubemap):
        return _cube_faces(image, source, target, rotation, n)
    assert isinstance(target, TableCamera)
    turns = _turns(rotation, image.device)
    values, seen = _Fused.apply(image, turns, source, target, n)
    return values, None if source.sees_everything else seen


def _cube_faces(
    image: Tensor, source: Camera, target: Cubemap, rotation: Tensor | None, n: int
) -> tuple[Tensor, Tensor | None]:
    """Return six launches of one face camera."""
    frames = face_rotations(torch.float32, image.device)
    turns = _turns(rotation, image.device)
    camera = face_camera(target.face_size)
    parts = [_Fused.apply(image, compose(turns, frame), source, camera, n) for frame in frames]
    values = torch.cat([part[0] for part in parts], 2)
    seen = None if source.sees_everything else torch.cat([part[1] for part in parts], 1)
    return values, seen


def _turns(rotation: Tensor | None, device: torch.device) -> Tensor:
    """Return (1 or n, 3, 3) float32 on the device."""
    if rotation is None:
        return torch.eye(3, device=device)[None]
    return rotation.detach().to(device, torch.float32).reshape(-1, 3, 3).contiguous()


@lru_cache(maxsize=64)  # a few kB per camera
def _tables(camera: TableCamera, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    tables = camera.ray_tables(EXACT_ON)
    ones = [torch.ones(n, device=EXACT_ON) for n in camera.size]
    row_scale = ones[0] if tables.row_scale is None else tables.row_scale
    column_scale = ones[1] if tables.column_scale is None else tables.column_scale
    parts = (tables.columns.mT, tables.rows.mT, row_scale, column_scale)
    a, b, c, d = (part.float().contiguous().to(device) for part in parts)
    return a, b, c, d


def _lens(source: Camera) -> tuple[int, tuple[float, float, float, float]]:
    if isinstance(source, Perspective):
        fx, fy, cx, cy = (float(v) for v in (source.fx, source.fy, source.cx, source.cy))
        return PINHOLE, (fx, fy, cx, cy)
    return (CUBE if isinstance(source, Cubemap) else SPHERE), (0.0, 0.0, 0.0, 0.0)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, image: Tensor, turns: Tensor, source: Camera, target: TableCamera, n: int
    ) -> tuple[Tensor, Tensor]:
        from pano_geometry.resampling.gpu import kernels

        image = image.contiguous()
        values = image.new_empty(n, image.shape[1], *target.size)
        partial = not source.sees_everything
        seen = torch.empty(n if partial else 0, *target.size, dtype=torch.int8, device=image.device)
        common, kind = _arguments(image.shape, turns, source, target)
        kernels.forward[_launch(target, n)](
            image, values, seen, *common, KIND=kind, HAS_SEEN=partial,
            BLOCK_H=BLOCK_H, BLOCK_W=BLOCK_W,
        )  # fmt: skip
        ctx.save_for_backward(turns)
        ctx.geometry = image.shape, source, target, n
        mask = seen.bool()
        ctx.mark_non_differentiable(mask)
        return values, mask

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        from pano_geometry.resampling.gpu import kernels

        (turns,) = ctx.saved_tensors
        shape, source, target, n = ctx.geometry
        grad = grads[0].contiguous()
        # Atomic sums in float32, whatever the dtype of the image.
        image_grad = torch.zeros(shape, dtype=torch.float32, device=grad.device)
        common, kind = _arguments(shape, turns, source, target)
        kernels.backward[_launch(target, n)](
            grad, image_grad, *common, KIND=kind, BLOCK_H=BLOCK_H, BLOCK_W=BLOCK_W
        )
        return image_grad.to(grad.dtype), None, None, None, None


def _launch(target: TableCamera, n: int) -> tuple[int, int]:
    down, across = -(-target.height // BLOCK_H), -(-target.width // BLOCK_W)
    return down * across, n


def _arguments(
    shape: torch.Size, turns: Tensor, source: Camera, target: TableCamera
) -> tuple[tuple[Any, ...], int]:
    """Return what both kernels take between their images and their constants."""
    b, channels, height, width = shape
    kind, lens = _lens(source)
    step = 0 if b == 1 else channels * height * width
    sizes = (target.height, target.width, height, width, channels, step)
    rotation_step = 0 if turns.shape[0] == 1 else 1
    return (*_tables(target, turns.device), turns, *sizes, rotation_step, *lens), kind
