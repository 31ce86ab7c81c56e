"""Which views are cut from a panorama, and what they see of it."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from panodepth.errors import CommandError
from panodepth.outputs.surface import to_distance
from panodepth.prediction import PredictedMap

RIGS = ("cube", "tangents12", "tangents20", "ring", "panorama")
DEFAULT_FOV_DEG = {"cube": 90.0, "tangents12": 80.0, "tangents20": 80.0, "ring": 90.0}
RING_VIEWS = 8
FACE_NAMES = tuple("FRBLUD")


@dataclass(frozen=True)
class View:
    """One camera of a rig.

    Attributes:
        name: Ending of its files; "" for the whole panorama.
        camera: Of its picture.
        rotation: `(3, 3)` float64, rays of the view into the frame of the panorama.
    """

    name: str
    camera: pg.Perspective | pg.Equirectangular
    rotation: NDArray[np.float64]


def make_rig(
    kind: str, panorama: tuple[int, int], size: int | None = None, fov_deg: float | None = None
) -> list[View]:
    """Return the views of a rig.

    Args:
        kind: One of `RIGS`: six faces, 12 or 20 views around an icosahedron, a ring of eight along
            the horizon, or the panorama itself.
        panorama: Its height and width.
        size: Pixels along a side of a view; as fine as the panorama at the view's centre if None.
        fov_deg: Full angle of view; that of `DEFAULT_FOV_DEG` if None.

    Raises:
        CommandError: An angle or a size that no view can have.
    """
    height, width = panorama
    if kind == "panorama":
        if size is not None or fov_deg is not None:
            raise CommandError("--rig panorama takes the panorama as it is: no --size, no --fov")
        return [View("", pg.Equirectangular(height, width), np.eye(3))]
    fov_deg = DEFAULT_FOV_DEG[kind] if fov_deg is None else fov_deg
    if not 1 <= fov_deg <= 170:
        raise CommandError(f"--fov is {fov_deg:g}, expected degrees from 1 to 170")
    fov = math.radians(fov_deg)
    fitting = round(width / (2 * math.pi) * 2 * math.tan(fov / 2))
    size = max(16, fitting) if size is None else size
    if size < 16:
        raise CommandError(f"--size is {size}, expected at least 16 pixels")
    camera = pg.Perspective.from_fov(size, size, fov)
    return [
        View(name, camera, rotation.astype(np.float64))
        for name, rotation in zip(*_rotations(kind), strict=True)
    ]


def _rotations(kind: str) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    if kind == "cube":
        return FACE_NAMES, pg.face_rotations().numpy()
    if kind == "ring":
        yaws = [2 * math.pi * i / RING_VIEWS for i in range(RING_VIEWS)]
        turns = np.stack([pg.from_ypr(yaw, 0.0).numpy() for yaw in yaws])
        return tuple(f"{round(math.degrees(yaw)):03d}" for yaw in yaws), turns
    count = int(kind.removeprefix("tangents"))
    return tuple(f"{i:02d}" for i in range(count)), pg.tangent_rotations(count).numpy()


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
