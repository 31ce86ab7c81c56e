"""Spherical padding: what lies beyond the border of a panorama or of a cube face.

A pixel around a cube face lies on the plane of that face beyond the edge; its ray meets a
neighbour between pixels. Copying the neighbour's edge row instead is wrong by up to 0.13 pixel at
the edges.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch.nn.functional import embedding_bag
from torch.utils._python_dispatch import _disable_current_modes

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.cubemap import check_faces, plane_rays, project_to_faces
from pano_geometry.compiling import constant_result, is_known_size, is_transformed
from pano_geometry.errors import check_image, check_size
from pano_geometry.pixels import EXACT_ON, centres, lacks_float64, to_index
from pano_geometry.tensor_types import Float, Shaped, Tensor


@takes_arrays
def pad(
    erp: Shaped[Tensor, "b c h w"], n: int | Sequence[int]
) -> Shaped[Tensor, "b c h+top+bottom w+left+right"]:
    """Pad a panorama as the sphere continues.

    Columns wrap across ±180°. Rows continue across the pole: mirrored, half a turn away. With an
    odd width half a turn lies between two columns, whose mean is taken.

    Args:
        erp: (b, c, h, w) of any dtype (floating if the width is odd).
        n: pixels on each side, or on `(left, right, top, bottom)` in the order of
            `torch.nn.functional.pad`; at most h and w.

    Raises:
        ShapeError: If `erp` is not (b, c, h, w).
        ValueError: If `n` has another number of sides than four, or one of them is negative or
            more than the height or width.
        TypeError: If `n` is neither an int nor ints, or labels have an odd width.
    """
    check_image("erp", erp)
    sides = tuple(n) if isinstance(n, Sequence) else (n,) * 4
    if len(sides) != 4:
        raise ValueError(f"n: got {len(sides)} sides, expected left, right, top and bottom")
    for side in sides:
        check_size("n", side, least=0)
    height, width = erp.shape[-2:]
    if max(sides) > min(height, width):
        raise ValueError(f"n: got {n}, expected at most the size of the panorama {height, width}")
    if not any(sides):
        return erp
    if not is_transformed() and width % 2 == 0:
        padded: Tensor = _PadOnce.apply(erp, sides)
        return padded
    left, right, top, bottom = sides
    # No empty slices: not every exporter knows what rolling one is.
    above = [half_turn(erp[..., :top, :]).flip(-2)] if top else []
    below = [half_turn(erp[..., height - bottom :, :]).flip(-2)] if bottom else []
    tall = torch.cat([*above, erp, *below], -2)
    before = [tall[..., width - left :]] if left else []
    after = [tall[..., :right]] if right else []
    return torch.cat([*before, tall, *after], -1)


class _PadOnce(torch.autograd.Function):
    """The same values with one copy of the panorama instead of two, in its memory layout.

    Padding took a third of a training step of a small network. The transforms of torch and its
    compiler see the plain operations.
    """

    @staticmethod
    def forward(ctx: Any, erp: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
        ctx.sides = left, right, top, bottom = sides
        batch, channels, height, width = erp.shape
        size = (batch, channels, height + top + bottom, width + left + right)
        out = torch.empty(size, dtype=erp.dtype, device=erp.device, memory_format=_layout(erp))
        inside = out[..., left : left + width]
        inside[..., top : top + height, :] = erp
        inside[..., :top, :] = half_turn(erp[..., :top, :]).flip(-2)
        inside[..., top + height :, :] = half_turn(erp[..., height - bottom :, :]).flip(-2)
        out[..., :left] = inside[..., width - left :]
        out[..., left + width :] = inside[..., :right]
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        left, right, top, bottom = ctx.sides
        height, width = grad.shape[-2] - top - bottom, grad.shape[-1] - left - right
        middle = grad[..., top : top + height, :]
        inner = middle[..., left : left + width].clone(memory_format=_layout(grad))
        inner[..., width - left :] += middle[..., :left]
        inner[..., :right] += middle[..., left + width :]
        for size, edge, beyond in (
            (top, inner[..., :top, :], grad[..., :top, :]),
            (bottom, inner[..., height - bottom :, :], grad[..., top + height :, :]),
        ):
            if size:
                mirrored = beyond.flip(-2)
                rows = mirrored[..., left : left + width].clone()
                rows[..., width - left :] += mirrored[..., :left]
                rows[..., :right] += mirrored[..., left + width :]
                edge += half_turn(rows)
        return inner, None


def _layout(x: Tensor) -> torch.memory_format:
    last = x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last and not x.is_contiguous() else torch.contiguous_format


def half_turn(rows: Tensor) -> Tensor:
    """Return the rows (…, w) as seen half a turn away.

    Raises:
        TypeError: If labels have an odd width.
    """
    width = rows.shape[-1]
    turned = rows.roll(width // 2, -1)
    if is_transformed() and not is_known_size(width) and rows.is_floating_point():
        # A size that is not known: the mean of both columns, the same one twice if it is even.
        return 0.5 * (turned + rows.roll(width - width // 2, -1))
    if width % 2 == 0:
        return turned
    if not rows.is_floating_point():
        raise TypeError(
            f"erp: got dtype {rows.dtype} with odd width {width}, expected a floating dtype or an "
            "even width, with which half a turn is a whole number of columns"
        )
    return 0.5 * (turned + rows.roll(width // 2 + 1, -1))


TABLE_ROWS = 32
"""Rows that are transposed at a time, so that both sides stay in cache."""


@takes_arrays
def pad_cube(faces: Float[Tensor, "b 6 c f f"], n: int) -> Float[Tensor, "b 6 c f+2n f+2n"]:
    """Pad every face by `n` pixels resampled from its neighbours (bilinear, corners included).

    Args:
        faces: (b, 6, c, f, f) in the order F R B L U D.
        n: at most f.

    Returns:
        The faces with 2 n more rows and columns; the inside is unchanged. Differentiable.

    Raises:
        ShapeError: If `faces` is not (b, 6, c, f, f).
        TypeError: If `faces` is not floating or `n` is not an int.
        ValueError: If `n` is negative or more than f.
    """
    check_faces("faces", faces)
    if not faces.is_floating_point():
        raise TypeError(f"faces: got dtype {faces.dtype}, expected a floating dtype")
    size = faces.shape[-1]
    check_size("n", n, least=0)
    if n > size:
        raise ValueError(f"n: got {n}, expected at most the face size {size}")
    planes = faces.transpose(1, 2)
    return padded_planes(planes, n).transpose(1, 2) if n else faces


def padded_planes(planes: Tensor, n: int) -> Tensor:
    """Return `pad_cube` on (b, c, 6, f, f)."""
    # A first ring, sampled from the neighbours alone, lets the second one interpolate across
    # edges and corners.
    one = _framed(planes, 1)
    _fill_ring(one, planes, 1, inset=0)
    if n == 1:
        return _fill_ring(one, one, 1, inset=1)
    return _fill_ring(_framed(planes, n), one, n, inset=1)


def padded_table(planes: Float[Tensor, "b c 6 f f"]) -> Float[Tensor, "m bc"]:
    """Return `padded_planes` by one pixel, channels side by side: (6 (f + 2)², b c)."""
    size = planes.shape[-1]
    table = planes.new_empty(6, size + 2, size + 2, planes.shape[0] * planes.shape[1])
    pixels = planes.flatten(0, 1).permute(1, 2, 3, 0)
    for face, inner in zip(pixels, table[:, 1:-1, 1:-1], strict=True):
        for rows, into in zip(face.split(TABLE_ROWS), inner.split(TABLE_ROWS), strict=True):
            into.copy_(rows)
    rows = table.flatten(0, 2)
    for inset in (0, 1):
        index, weight, position = _table_taps(size, inset, planes.device)
        ring = embedding_bag(index, rows, mode="sum", per_sample_weights=weight.to(rows.dtype))
        rows.index_copy_(0, position, ring)
    return rows


@lru_cache(maxsize=32)
def _table_taps(size: int, inset: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return `_ring_taps` of a ring of one, (m, 4), that count in the padded faces themselves."""
    index, weight, position = _cached_ring_taps(size, 1, inset, device)
    with torch.inference_mode(mode=False):
        if inset == 0:
            row, column = index // size, index % size
            row = row // size * (size + 2) + row % size
            index = (row + 1) * (size + 2) + column + 1
        return index.T.contiguous(), weight.T.contiguous(), position


def _framed(planes: Tensor, n: int) -> Tensor:
    """Return the faces with a frame of n pixels, not yet filled."""
    size = planes.shape[-1]
    framed = planes.new_empty(*planes.shape[:3], size + 2 * n, size + 2 * n)
    framed[..., n : n + size, n : n + size] = planes
    return framed


def _fill_ring(framed: Tensor, source: Tensor, n: int, inset: int) -> Tensor:
    """Fill the frame, in place, from `source` (b, c, 6, ., .), which is padded by `inset`."""
    size = framed.shape[-1] - 2 * n
    index, weight, position = _ring_taps(size, n, inset, framed.device)
    taps = source.flatten(2)[..., index.flatten()].reshape(*framed.shape[:2], *index.shape)
    values = (taps * weight.to(framed.dtype)).sum(2)
    framed.view(*framed.shape[:2], -1).index_copy_(2, position, values)
    return framed


@constant_result
def _ring_taps(
    size: int, n: int, inset: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a table for compilers: it depends on sizes alone."""
    return _cached_ring_taps(size, n, inset, device)


@lru_cache(maxsize=32)  # a few hundred kB each at face size 256; the same for every image
def _cached_ring_taps(
    size: int, n: int, inset: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Return taps and weights (4, m) in the source of all ring pixels, and their positions (m,)."""
    # A table made under inference_mode could not be used in training later.
    # Nor could one made of fake or batched tensors serve real ones.
    with torch.inference_mode(mode=False), _disable_current_modes():
        exact = EXACT_ON if lacks_float64(device) else device
        index, weight, position = _ring_taps_of(size, n, inset, exact)
        if lacks_float64(device):
            weight = weight.float()
        return index.to(device), weight.to(device), position.to(device)


def _ring_taps_of(
    size: int, n: int, inset: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    full, inner = size + 2 * n, size + 2 * inset
    axis = torch.arange(full, device=device)
    outside = (axis < n) | (axis >= n + size)
    face, row, column = (
        (outside[:, None] | outside[None, :]).expand(6, full, full).nonzero(as_tuple=True)
    )
    extended = centres(full, device) - n
    x, y, z = (plane[face, row, column] for plane in plane_rays(extended, size))
    on, u, v = project_to_faces(x, y, z, size)
    s, t = to_index(u) + inset, to_index(v) + inset
    s, t = s.clamp(0, inner - 1), t.clamp(0, inner - 1)
    s0, t0 = s.floor().clamp(max=max(inner - 2, 0)), t.floor().clamp(max=max(inner - 2, 0))
    fs, ft = s - s0, t - t0
    step = 1 if inner > 1 else 0
    base = (on.long() * inner + t0.long()) * inner + s0.long()
    index = torch.stack([base, base + step, base + step * inner, base + step * (inner + 1)])
    weight = torch.stack([(1 - fs) * (1 - ft), fs * (1 - ft), (1 - fs) * ft, fs * ft])
    return index, weight, (face * full + row) * full + column
