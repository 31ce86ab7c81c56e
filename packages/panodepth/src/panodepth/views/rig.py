"""Which views are cut from a panorama, and their cameras."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from panodepth.errors import CommandError

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
