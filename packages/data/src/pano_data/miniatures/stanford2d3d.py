"""Miniature of Stanford2D3D-S: areas, 1/512 m, 65535 = missing, black caps at the poles."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.datasets.stanford2d3d import split_areas
from pano_data.io.encode import write_json, write_png
from pano_data.miniatures.studio import Shot, Studio, View

_ROOMS = ("hallway", "office", "conferenceRoom", "lounge", "storage")
CAP = 1 / 8
"""Share of the rows at either pole that the camera did not capture."""


def write_scene(root: Path, studio: Studio, shot: Shot) -> None:
    """Write one room with a panorama a viewpoint; areas of the split take turns."""
    areas = split_areas(shot.split)
    area = f"area_{areas[shot.index % len(areas)]}"
    room = f"{_ROOMS[shot.index % len(_ROOMS)]}_{1 + shot.index // len(_ROOMS)}"
    for viewpoint in range(shot.views):
        view = studio.shoot(shot.scene, viewpoint, pg.Equirectangular(*shot.size))
        camera = hashlib.md5(
            f"{area}/{room}/{viewpoint}".encode(), usedforsecurity=False
        ).hexdigest()
        _write_panorama(root / area / "pano", f"camera_{camera}_{room}", camera, view)


def _write_panorama(pano: Path, stem: str, camera: str, view: View) -> None:
    stem = f"{stem}_frame_equirectangular_domain"
    height = view.distance.shape[0]
    caps = np.zeros(height, bool)
    rows = max(1, round(height * CAP))
    caps[:rows] = caps[-rows:] = True
    rgb = np.where(caps[:, None, None], 0, view.rgb).astype(np.uint8)
    rgba = np.concatenate((rgb, np.full_like(rgb[..., :1], 255)), -1)
    write_png(pano / "rgb" / f"{stem}_rgb.png", rgba)
    distance = np.where(caps[:, None], 0, view.distance)
    write_png(pano / "depth" / f"{stem}_depth.png", units512(distance))
    write_json(pano / "pose" / f"{stem}_pose.json", _pose(camera, stem, view))


def units512(distance: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Encode metres as uint16 in 1/512 m; 65535 where there is none or it does not fit."""
    codes = np.rint(distance.astype(np.float64) * 512)
    return np.where((distance > 0) & (codes < 65535), codes, 65535).astype(np.uint16)


def _pose(camera: str, stem: str, view: View) -> dict[str, object]:
    x, y, z = (float(v) for v in view.position)
    return {
        "camera_location": [x, z, -y],
        "camera_uuid": camera,
        "field_of_view_rads": float(
            np.pi / 2
        ),  # as in the release, where it is wrong for panoramas
        "frame_num": "equirectangular",
        "room": stem.split("_", 2)[2].removesuffix("_frame_equirectangular_domain"),
    }
