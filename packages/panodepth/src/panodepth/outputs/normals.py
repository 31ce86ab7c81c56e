"""What else is known of a pixel: its surface normal (OpenEXR), whether it is sky (PNG)."""

from pathlib import Path

import numpy as np
import OpenEXR
import torch
from numpy.typing import NDArray
from PIL import Image

import pano_geometry as pg
from panodepth.outputs.surface import to_distance
from panodepth.prediction import PredictedMap

AXES = "x right, y down, z forward; towards the camera; 0 0 0 where there is none"
SKY = 255


def estimate_normals(prediction: PredictedMap) -> NDArray[np.float32]:
    """Return `(h, w, 3)` unit normals towards the camera; 0 where there is no surface.

    Of an affine disparity they are right up to its unknown shift only.
    """
    distance = torch.from_numpy(to_distance(prediction))[None, None]
    near = torch.from_numpy(prediction.near)[None, None]
    normals = pg.distance_to_normals(distance, near)[0].permute(1, 2, 0).numpy()
    return np.where(prediction.near[..., None], normals, np.float32(0))


def write_normals(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write normals as an EXR with the float32 channels `X`, `Y`, `Z`; its header names axes."""
    normals = np.ascontiguousarray(np.moveaxis(estimate_normals(prediction), -1, 0))
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "axes": AXES,
    }
    try:
        with OpenEXR.File(header, dict(zip("XYZ", normals, strict=True))) as file:
            file.write(str(path))
    except RuntimeError as error:  # OpenEXR's only error type; a full disk is one of its cases
        raise OSError(f"cannot write {path.name}: {error}") from error


def write_sky(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write an 8-bit mask: 255 where it is sky or beyond the network's range, else 0."""
    sky = (prediction.far & prediction.valid).astype(np.uint8) * SKY
    with path.open("wb") as file:
        Image.fromarray(sky).save(file, format="PNG")
