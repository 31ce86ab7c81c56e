"""Labels of a perspective picture between its pixels: exact on planes, never across an edge."""

from typing import NamedTuple

import torch
from torch import Tensor

import pano_geometry as pg
from pano_data.decode import EDGE_STEP
from pano_data.sample import ErpSample
from pano_geometry.tensor_types import Bool, Float


class LabelMaps(NamedTuple):
    """Labels at coordinates; `(1, h, w)` each, see `pano_data.sample.ErpSample`."""

    distance: Float[Tensor, "1 h w"]
    valid: Bool[Tensor, "1 h w"]
    far: Bool[Tensor, "1 h w"]


def sample_labels(
    sample: ErpSample, pixels: Float[Tensor, "1 h w 2"], camera: pg.Perspective
) -> LabelMaps:
    """Look labels up at pixel coordinates of a picture.

    Masks take the nearest pixel. Distance is interpolated as inverse depth, which is linear in the
    pixels of a plane, where the four pixels around are valid and differ by less than a depth edge
    does; elsewhere it is that of the nearest pixel, because a mean over an edge is a distance where
    nothing is. The nearest pixel alone is right to half a pixel, too coarse for normals: on
    panoramas about six times as coarse as their picture it turns them by 3 to 6 degrees.

    Args:
        sample: picture with Euclidean distance.
        pixels: u to the right and v down, inside the picture, pixel centres at +0.5.
        camera: of the sample, at the size of its labels.
    """
    height, width = camera.size
    u, v = pixels[0].unbind(-1)
    column, row = u.long().clamp(0, width - 1), v.long().clamp(0, height - 1)
    nearest = row * width + column
    maps = (sample["distance"], sample["valid"], sample["far"])
    distance, valid, far = (values.flatten()[nearest] for values in maps)
    smooth, exact = _on_planes(sample, u, v, camera)
    return LabelMaps(torch.where(smooth, exact, distance)[None], valid[None], far[None])


def _on_planes(
    sample: ErpSample, u: Tensor, v: Tensor, camera: pg.Perspective
) -> tuple[Tensor, Tensor]:
    """Where the four pixels around hold one surface, and its distance there."""
    height, width = camera.size
    left = (u - 0.5).floor().clamp(0, width - 2)
    top = (v - 0.5).floor().clamp(0, height - 2)
    along, down = u - 0.5 - left, v - 0.5 - top  # half a pixel beyond 0 and 1 at the border
    columns, rows = (
        torch.stack([left, left + 1, left, left + 1]),
        torch.stack([top] * 2 + [top + 1] * 2),
    )
    index = (rows * width + columns).long()
    usable = sample["valid"].flatten()[index]
    around = torch.where(usable, sample["distance"].flatten()[index], 1.0)
    smooth = usable.all(0) & (around.amax(0) <= (1 + EDGE_STEP) * around.amin(0))
    inverse_depth = _ray_length(columns + 0.5, rows + 0.5, camera) / around
    upper, lower = (torch.lerp(inverse_depth[i], inverse_depth[i + 1], along) for i in (0, 2))
    return smooth, _ray_length(u, v, camera) / torch.lerp(upper, lower, down)


def _ray_length(u: Tensor, v: Tensor, camera: pg.Perspective) -> Tensor:
    """Distance over depth of a pixel coordinate."""
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return torch.sqrt(1 + x * x + y * y)
