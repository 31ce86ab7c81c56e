"""Pictures, depths and masks of the views of a panorama."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from panodepth.outputs.surface import to_distance
from panodepth.prediction import PredictedMap
from panodepth.views.rig import View


class CutView(NamedTuple):
    """What a view sees.

    Attributes:
        rgb: `(h, w, 3)` uint8.
        depth: `(h, w)` float32, z along the view's axis, for a panorama the distance along the ray;
            0 where masked or far.
        keep: `(h, w)` bool: not masked.
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    keep: NDArray[np.bool_]


def cut_view(rgb: NDArray[np.uint8], prediction: PredictedMap, view: View) -> CutView:
    """Cut a view out of a panorama and its map.

    Args:
        rgb: `(h, w, 3)`.
        prediction: Of the same size; a disparity becomes the distance of `to_distance`.
        view: Where to look.
    """
    distance = to_distance(prediction)
    if isinstance(view.camera, pg.Equirectangular):
        return CutView(rgb, distance, prediction.valid)
    source, turn = pg.Equirectangular(*distance.shape), torch.from_numpy(view.rotation).float()
    maps = np.stack([distance, prediction.valid.astype(np.float32)])
    # nearest: a mean of two surfaces would hang between them
    seen = pg.resample(torch.from_numpy(maps)[None], source, view.camera, turn, "nearest")
    depth = pg.distance_to_depth(seen[:, :1], view.camera)[0, 0].numpy()
    picture = torch.from_numpy(rgb).permute(2, 0, 1)[None]
    colours = pg.resample(picture, source, view.camera, turn, supersample="auto")
    return CutView(
        colours[0].permute(1, 2, 0).numpy(), depth.astype(np.float32), seen[0, 1].numpy() > 0.5
    )
