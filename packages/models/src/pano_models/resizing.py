"""Any input size for networks that are built for 2:1 panoramas on a fixed stride."""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import interpolate

from pano_geometry.tensor_types import Float


def run_at_stride(
    network: Callable[[Tensor], Tensor], rgb: Float[Tensor, "b 3 h w"], stride: int
) -> Float[Tensor, "b 1 h w"]:
    """Run ``network`` at the nearest size (s, 2 s) with s a multiple of ``stride``, and bring its map back to (h, w).

    The size is taken from the height; a picture that has it already is passed on untouched. Resizing is bilinear between pixel
    centres, antialiased where it shrinks.
    """
    size = (rgb.shape[-2], rgb.shape[-1])
    height = max(stride, stride * round(size[0] / stride))
    return _resize(network(_resize(rgb, (height, 2 * height))), size)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(x.shape[-2:]) == size:
        return x
    return interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
