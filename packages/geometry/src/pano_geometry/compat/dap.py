"""DAP's reader of Deep360: from the Cassini map of a stereo rig to a panorama.

Quirks kept: the map is sampled as if its outermost samples lay on the border, half a pixel off
its centres; depth is interpolated across edges like colour; uint8 is truncated.

Source: the release of DAP (2025), after MODE (ECCV 2022).
"""

import math

import torch
from torch.nn.functional import grid_sample

from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.errors import ShapeError, check_image, shape_of
from pano_geometry.tensor_types import Shaped, Tensor


def cassini_to_erp(cassini: Shaped[Tensor, "b c h w"]) -> Shaped[Tensor, "b c w h"]:
    """Return the panorama of a Cassini map with `h == 2 w`, as the release reads it.

    The exact conversion is `resample(x, Cassini(h, w), Equirectangular(w, h))`.

    Raises:
        ShapeError: If the map is not twice as high as wide.
    """
    check_image("cassini", cassini)
    height, width = cassini.shape[-2:]
    if height != 2 * width:
        raise ShapeError(f"cassini: got shape {shape_of(cassini)}, expected height 2 x width")
    target = Equirectangular(width, height)
    x, y, z = target.rays(dtype=torch.float64, device=cassini.device).unbind(-1)
    column = torch.asin(x.clamp(-1.0, 1.0)) / (0.5 * math.pi)
    row = torch.atan2(y, z) / math.pi
    grid = torch.stack([column, row], -1).float()[None].expand(cassini.shape[0], -1, -1, -1)
    values = grid_sample(cassini.float(), grid, padding_mode="border", align_corners=True)
    if cassini.dtype == torch.uint8:
        return values.to(torch.uint8)
    return values.to(cassini.dtype)
