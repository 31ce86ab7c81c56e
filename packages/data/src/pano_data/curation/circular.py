"""Pictures and latents whose left and right border are neighbours."""

from collections.abc import Callable

import torch
from torch import Tensor

from pano_geometry.tensor_types import Float


def pad_right(maps: Float[Tensor, "b c h w"], columns: int) -> Float[Tensor, "b c h v"]:
    """Repeat the first columns behind the last, so that a planar network sees over the seam."""
    return torch.cat([maps, maps[..., :columns]], -1)


def fade_seam(maps: Float[Tensor, "b c h v"], columns: int) -> Float[Tensor, "b c h v"]:
    """Cross-fade the first columns with the repeated ones behind the last; both become the same.

    The leftmost column is what continues from the right border, the last of them what leads to the
    rest of the left: once the repetition is cut off there is no step at the seam.
    """
    if not columns:
        return maps
    weight = torch.arange(columns, device=maps.device, dtype=maps.dtype) / columns
    faded = torch.lerp(maps[..., -columns:], maps[..., :columns], weight)
    return torch.cat([faded, maps[..., columns:-columns], faded], -1)


def apply_around(
    function: Callable[[Tensor], Tensor], maps: Float[Tensor, "b c h w"], columns: int
) -> Float[Tensor, "b d k v"]:
    """Apply a convolutional function to maps continued over the seam, and cut its result to size.

    Args:
        function: scales height and width by the same factor, or one over it.
        maps: what it is applied to.
        columns: continued on either side.
    """
    if not columns:
        return function(maps)
    result = function(torch.cat([maps[..., -columns:], maps, maps[..., :columns]], -1))
    margin = result.shape[-1] * columns // (maps.shape[-1] + 2 * columns)
    return result[..., margin:-margin]
