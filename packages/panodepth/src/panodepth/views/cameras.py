"""Cameras of views in the files of COLMAP (text model) and nerfstudio (`transforms.json`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import pano_geometry as pg
from pano_data.io.atomic import write_json, write_text

OPENGL = np.diag([1.0, -1.0, -1.0])
"""Camera axes of nerfstudio (x right, y up, z backward) in ours."""


@dataclass(frozen=True)
class PlacedView:
    """A picture with its camera in the world.

    Attributes:
        image: Path of the picture below `images/`.
        camera: Of the picture.
        rotation: `(3, 3)` camera to world; x right, y down, z forward.
        position: `(3,)` in the world.
        depth: Path of the depth below the output folder, None where there is none.
        mask: As `depth`.
    """

    image: str
    camera: pg.Perspective | pg.Equirectangular
    rotation: NDArray[np.float64]
    position: NDArray[np.float64]
    depth: str | None = None
    mask: str | None = None


def write_colmap(
    folder: Path,
    views: Sequence[PlacedView],
    points: NDArray[np.float64],
    colours: NDArray[np.uint8],
) -> None:
    """Write `cameras.txt`, `images.txt` and `points3D.txt`.

    Source: COLMAP's documentation of its text format; its camera models PINHOLE (fx fy cx cy) and
    EQUIRECTANGULAR (width height), pixel centres at +0.5.

    Args:
        folder: Usually `sparse/0`; made if it is missing.
        views: Their pictures.
        points: `(n, 3)` in the world; their tracks are empty.
        colours: `(n, 3)`.
    """
    cameras = list(dict.fromkeys(_colmap_camera(view) for view in views))
    lines = [f"{i} {camera}" for i, camera in enumerate(cameras, 1)]
    write_text(folder / "cameras.txt", _text("CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]", lines))
    images = []
    for i, view in enumerate(views, 1):
        turn = view.rotation.T
        w, x, y, z = Rotation.from_matrix(turn).as_quat(scalar_first=True)
        numbers = " ".join(f"{v:.12g}" for v in (w, x, y, z, *(-turn @ view.position)))
        # the second line holds the observed points: none
        images.append(f"{i} {numbers} {cameras.index(_colmap_camera(view)) + 1} {view.image}\n")
    write_text(folder / "images.txt", _text("IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME", images))
    rows = [
        f"{i} {x:.9g} {y:.9g} {z:.9g} {r} {g} {b} 0"
        for i, ((x, y, z), (r, g, b)) in enumerate(zip(points, colours, strict=True), 1)
    ]
    header = "POINT3D_ID X Y Z R G B ERROR TRACK[]"
    write_text(folder / "points3D.txt", _text(header, rows))


def _text(header: str, lines: Sequence[str]) -> str:
    return "\n".join([f"# {header}", *lines, ""])


def _colmap_camera(view: PlacedView) -> str:
    camera = view.camera
    size = f"{camera.width} {camera.height}"
    if isinstance(camera, pg.Equirectangular):
        return f"EQUIRECTANGULAR {size} {size}"
    focal = f"{float(camera.fx):.12g} {float(camera.fy):.12g}"
    return f"PINHOLE {size} {focal} {float(camera.cx):.12g} {float(camera.cy):.12g}"


def write_transforms(path: Path, views: Sequence[PlacedView], points: str) -> None:
    """Write nerfstudio's `transforms.json`.

    Source: nerfstudio's data format; of an equirectangular camera fl_x and fl_y are the height.

    Args:
        path: In the folder that holds `images/`.
        views: All with the same kind of camera.
        points: Path of the point cloud below the folder, in the same world.
    """
    panorama = isinstance(views[0].camera, pg.Equirectangular)
    content = {
        "camera_model": "EQUIRECTANGULAR" if panorama else "OPENCV",
        "ply_file_path": points,
        "frames": [_frame(view) for view in views],
    }
    write_json(path, content, indent=2, sort_keys=False)


def _frame(view: PlacedView) -> dict[str, Any]:
    camera = view.camera
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = view.rotation @ OPENGL, view.position
    focal: tuple[float, ...]
    if isinstance(camera, pg.Equirectangular):
        focal = (camera.height, camera.height, camera.width / 2, camera.height / 2)
    else:
        focal = tuple(float(v) for v in (camera.fx, camera.fy, camera.cx, camera.cy))
    files = {"depth_file_path": view.depth, "mask_path": view.mask}
    return {
        "file_path": f"images/{view.image}",
        **{key: name for key, name in files.items() if name},
        "w": camera.width,
        "h": camera.height,
        **dict(zip(("fl_x", "fl_y", "cx", "cy"), focal, strict=True)),
        "transform_matrix": matrix.tolist(),
    }
