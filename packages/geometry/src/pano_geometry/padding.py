"""Spherical padding: what lies beyond the border of a panorama lies elsewhere in it."""

import torch

from pano_geometry.errors import check_image, check_size
from pano_geometry.tensor_types import Shaped, Tensor


def pad(erp: Shaped[Tensor, "b c h w"], n: int) -> Shaped[Tensor, "b c h+2n w+2n"]:
    """Pad a panorama by `n` pixels on each side, as the sphere continues.

    Columns wrap across ±180°. Rows continue across the pole: mirrored, half a turn away. With an
    odd width half a turn lies between two columns, whose mean is taken.

    Args:
        erp: (b, c, h, w) of any dtype (floating if the width is odd).
        n: at most h and w.

    Raises:
        ShapeError: If `erp` is not (b, c, h, w).
        ValueError: If `n` is negative or more than the height or width.
        TypeError: If `n` is not an int, or labels have an odd width.
    """
    check_image("erp", erp)
    check_size("n", n, least=0)
    height, width = erp.shape[-2:]
    if n > min(height, width):
        raise ValueError(f"n: got {n}, expected at most the size of the panorama {height, width}")
    if n == 0:
        return erp
    above = half_turn(erp[..., :n, :]).flip(-2)
    below = half_turn(erp[..., -n:, :]).flip(-2)
    tall = torch.cat([above, erp, below], -2)
    return torch.cat([tall[..., -n:], tall, tall[..., :n]], -1)


def half_turn(rows: Tensor) -> Tensor:
    """Return the rows (…, w) as seen half a turn away.

    Raises:
        TypeError: If labels have an odd width.
    """
    width = rows.shape[-1]
    turned = rows.roll(width // 2, -1)
    if width % 2 == 0:
        return turned
    if not rows.is_floating_point():
        raise TypeError(
            f"erp: got dtype {rows.dtype} with odd width {width}, expected a floating dtype or an "
            "even width, with which half a turn is a whole number of columns"
        )
    return 0.5 * (turned + rows.roll(width // 2 + 1, -1))
