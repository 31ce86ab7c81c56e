"""Maps in files that other programs read.

Distance (NumPy, 16-bit PNG, OpenEXR, SixDoF texture), normals, sky.
"""

import math
from pathlib import Path

import numpy as np
import OpenEXR
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

import pano_geometry as pg
from panodepth.outputs.bands import row_bands
from panodepth.outputs.surface import to_distance
from panodepth.prediction import PredictedMap

PNG_INVALID = 0
PNG_FAR = 65535
FINEST_METRES = 0.001
NORMAL_AXES = "x right, y down, z forward; towards the camera; 0 0 0 where there is none"
SKY = 255


def encode_values(prediction: PredictedMap) -> NDArray[np.float32]:
    """The map as it is written: 0 where masked, infinity where far (0 for a disparity).

    Returns:
        `(h, w)` float32.
    """
    far_value = 0.0 if prediction.kind == "disparity_affine" else np.inf
    values = np.array(prediction.values, np.float32)
    values[prediction.far] = far_value  # in place: a large map is held once more, not three times
    values[~prediction.valid] = 0
    return values


def write_npy(path: Path, prediction: PredictedMap) -> None:
    """Write `encode_values` as float32 `.npy`."""
    with path.open("wb") as file:
        np.save(file, encode_values(prediction))


def choose_png_scale(largest: float, metric: bool) -> float:
    """Value of one step of a 16-bit PNG: the smallest of 1, 2, 5 x 10^k that reaches `largest`.

    Metres are never stored finer than 1 mm, so most indoor maps are plain millimetres.
    """
    needed = max(largest / (PNG_FAR - 1), FINEST_METRES if metric else 1e-12)
    decade = 10.0 ** math.floor(math.log10(needed))
    step = next(m for m in (1, 2, 5, 10) if m * decade >= needed * (1 - 1e-9))
    return float(f"{step * decade:.12g}")


def write_png16(path: Path, prediction: PredictedMap) -> None:
    """Write a 16-bit grey PNG whose text chunks say how to read it back.

    `value = pixel * scale`; 0 is invalid, 65535 is far. `scale`, `unit` and `kind` are PNG text.
    Values under half a step become 1, because 0 is taken.
    """
    near = prediction.near
    largest = float(prediction.values[near].max()) if near.any() else 1.0
    scale = choose_png_scale(largest, prediction.kind == "distance_metric")
    pixels = np.full(near.shape, PNG_INVALID, np.uint16)
    for band in row_bands(len(pixels)):
        steps = np.rint(np.where(near[band], prediction.values[band], 0) / scale)
        np.copyto(pixels[band], steps.clip(1, PNG_FAR - 1).astype(np.uint16), where=near[band])
    pixels[prediction.far & prediction.valid] = PNG_FAR
    text = PngImagePlugin.PngInfo()
    for key, value in {
        "scale": repr(scale),
        "unit": prediction.unit,
        "kind": prediction.kind,
        "invalid": str(PNG_INVALID),
        "far": str(PNG_FAR),
        "Software": "panodepth",
    }.items():
        text.add_text(key, value)
    with path.open("wb") as file:
        Image.fromarray(pixels).save(file, format="PNG", pnginfo=text, compress_level=3)


def read_png16(path: Path) -> tuple[NDArray[np.float32], dict[str, str]]:
    """Read a PNG of `write_png16` back.

    Returns:
        `(h, w)` float32 in the unit of the file (0 invalid, infinity far), and its text.

    Raises:
        ValueError: The file carries no scale.
    """
    with Image.open(path) as image:
        text = {str(k): str(v) for k, v in image.info.items()}
        pixels = np.asarray(image).astype(np.float64)
    if "scale" not in text:
        raise ValueError(f"{path} has no 'scale' text: expected a 16-bit PNG written by panodepth")
    values = np.where(pixels == PNG_FAR, np.inf, pixels * float(text["scale"]))
    return values.astype(np.float32), text


def write_exr(path: Path, prediction: PredictedMap) -> None:
    """Write `encode_values` as one float32 channel `Y` (ZIP), unit and kind in the header."""
    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "unit": prediction.unit,
        "kind": prediction.kind,
    }
    try:
        with OpenEXR.File(header, {"Y": encode_values(prediction)}) as file:
            file.write(str(path))
    except RuntimeError as error:  # OpenEXR's only error type; a full disk is one of its cases
        raise OSError(f"cannot write {path.name}: {error}") from error


SIXDOF_WIDTH = 4096
SIXDOF_RANGE = (0.002, 0.995)
"""Quantiles of the distance that become white and black: single pixels must not stretch 8 bits."""


def write_sixdof(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write a texture for viewers that let the head move: the panorama above its depth, as PNG.

    The grey half is linear in distance, white the nearest, black the farthest and the sky:
    `distance = radius - displacement * grey / 255`, as THREE.SixDOF (`TOP_BOTTOM`) and viewers like
    it displace a sphere. `radius`, `displacement` and `unit` are PNG text. Masked pixels take the
    distance of the nearest one that is not.

    Args:
        path: The PNG.
        rgb: `(h, w, 3)`.
        prediction: Of the same size; a disparity becomes the distance of `to_distance`.
    """
    width = min(SIXDOF_WIDTH, rgb.shape[1])
    size = (width // 2, width)
    distance = pg.resize(to_distance(prediction), size, "nearest")
    far = pg.resize(prediction.far & prediction.valid, size, "nearest")
    near, farthest = (0.0, 1.0)
    if (distance > 0).any():
        near, farthest = (float(q) for q in np.quantile(distance[distance > 0], SIXDOF_RANGE))
    reach = max(farthest - near, 1e-6 * farthest)
    distance = _fill_from_nearest(np.where(far, farthest, distance), (distance > 0) | far)
    grey = np.rint(255 * np.clip((farthest - distance) / reach, 0, 1)).astype(np.uint8)
    texture = np.concatenate([pg.resize(rgb, size), np.repeat(grey[..., None], 3, -1)])
    text = PngImagePlugin.PngInfo()
    about = {"radius": farthest, "displacement": reach, "unit": prediction.unit}
    for key, value in about.items():
        text.add_text(key, str(value))
    with path.open("wb") as file:
        Image.fromarray(texture).save(file, format="PNG", pnginfo=text, compress_level=3)


def _fill_from_nearest(
    values: NDArray[np.float32], known: NDArray[np.bool_]
) -> NDArray[np.float32]:
    if known.all() or not known.any():
        return values
    from scipy.ndimage import distance_transform_edt  # half a second, and few write textures

    rows, columns = distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.asarray(values[rows, columns], np.float32)


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
        "axes": NORMAL_AXES,
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
