"""Panoramas to and from cubes and perspective views, and their rotation: calls of `resample`.

Every picture may be a NumPy array as well, batched or not, and so is the result (`arrays`).
"""

import math
from dataclasses import dataclass

import torch

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.cubemap import Cubemap, check_faces, from_strip, to_strip
from pano_geometry.cameras.equirectangular import Equirectangular, erp_camera
from pano_geometry.cameras.fisheye import Stereographic
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import can_read_values, check_image, check_rotation
from pano_geometry.resampling.back_ends import resample_seen
from pano_geometry.resampling.resample import (
    Supersample,
    check_request,
    for_each_image,
    for_each_image_together,
    has_several_rotations,
    resample,
    resample_averaged,
    supersampling,
)
from pano_geometry.resampling.sampling import check_mode
from pano_geometry.resampling.taps import Mode
from pano_geometry.rotations import from_ypr
from pano_geometry.tensor_types import Bool, Float, Shaped, Tensor

WHOLE_COLUMN = 1e-3
"""Pixels by which a yaw may miss a whole number of columns (float32 matrices do)."""
UPRIGHT = 1e-6
"""Largest entry that couples the vertical axis to the others."""


@takes_arrays
def erp_to_cube(
    erp: Shaped[Tensor, "b c h w"],
    face_size: int,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> Shaped[Tensor, "b 6 c f f"]:
    """Return the cube faces F R B L U D of a panorama.

    Args:
        erp: panorama; a tensor, or an array (h, w), (h, w, c), (c, h, w) or a batch of them.
        face_size: f, pixels.
        rotation: turns the cube: rays of the rotated cube -> panorama.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: rays along each side of a pixel, or "auto", as in `resample`.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    if has_several_rotations(rotation):
        return for_each_image(
            erp, rotation, lambda i, r: erp_to_cube(i, face_size, r, mode, supersample)
        )
    return from_strip(
        resample(erp, erp_camera(erp), Cubemap(face_size), rotation, mode, supersample)
    )


@takes_arrays
def cube_to_erp(
    faces: Shaped[Tensor, "b 6 c f f"],
    height: int,
    width: int,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> Shaped[Tensor, "b c h w"]:
    """Return the panorama of cube faces F R B L U D, exact across edges and corners.

    Args:
        faces: cube map; a tensor, or an array (6, f, f), (6, f, f, c), (6, c, f, f) or a batch.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        rotation: turns the panorama: rays of the result -> cube.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: rays along each side of a pixel, or "auto", as in `resample`.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    check_faces("faces", faces)
    source, target = Cubemap(faces.shape[-1]), Equirectangular(height, width)
    return resample(to_strip(faces), source, target, rotation, mode, supersample)


@takes_arrays
def erp_to_perspective(
    erp: Shaped[Tensor, "b c h w"],
    camera: Perspective,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> Shaped[Tensor, "n c ho wo"]:
    """Return the perspective view of a panorama.

    Args:
        erp: panorama, tensor or array; one panorama serves a batch of rotations.
        camera: the view.
        rotation: camera-to-world; `rotation[..., 2]` is where the camera looks.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: rays along each side of a pixel, or "auto", as in `resample`.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    return resample(erp, erp_camera(erp), camera, rotation, mode, supersample)


@takes_arrays
def perspective_to_erp(
    image: Shaped[Tensor, "b c h w"],
    camera: Perspective,
    rotation: Float[Tensor, "*b 3 3"] | None,
    height: int,
    width: int,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> tuple[Shaped[Tensor, "n c ho wo"], Bool[Tensor, "n 1 ho wo"]]:
    """Return a perspective image on the panorama.

    Args:
        image: taken by `camera`; tensor or array.
        camera: the view.
        rotation: camera-to-world, the same as for `erp_to_perspective`.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: rays along each side of a pixel, or "auto", as in `resample`.

    Returns:
        The panorama, 0 outside the view, and its coverage, True inside the view: where the centre
        of a pixel is, or with several rays at least half of them. Of an array both are arrays,
        the coverage (h, w) without channels.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    if has_several_rotations(rotation):
        values, covered = for_each_image_together(
            [image],
            rotation,
            lambda i, r: perspective_to_erp(i[0], camera, r, height, width, mode, supersample),
        )
        return values, covered
    check_image("image", image, camera.size)
    erp = Equirectangular(height, width)
    to_camera = None
    if rotation is not None:
        check_rotation("rotation", rotation, image.shape[0])
        to_camera = rotation.mT
    check_mode(mode, image)
    factor = supersampling(supersample, camera, erp)
    # A perspective image never sees everything: there always is a mask.
    if factor > 1:
        values, share = resample_averaged(image, camera, erp, to_camera, mode, factor)
        assert share is not None
        covered = (share >= 0.5).expand(values.shape[0], -1, -1, -1)
        return torch.where(covered, values, torch.zeros_like(values)), covered
    values, seen = resample_seen(image, camera, erp, to_camera, mode)
    assert seen is not None
    return values, seen[:, None].expand(values.shape[0], -1, -1, -1)


@takes_arrays
def rotate(
    erp: Shaped[Tensor, "b c h w"],
    rotation: Float[Tensor, "*b 3 3"],
    mode: Mode = "bilinear",
) -> Shaped[Tensor, "n c h w"]:
    """Return the panorama that a camera turned by `rotation` (camera-to-world) takes.

    Args:
        erp: panorama, tensor or array; one panorama serves a batch of rotations.
        rotation: camera-to-world.
        mode: "nearest", "bilinear" or "bicubic".

    Returns:
        The rotated panorama. A yaw by a whole number of columns, and a half turn about a
        horizontal axis that maps columns onto columns, only move pixels: bit-equal to
        `torch.roll` in every mode and dtype (rotation on the CPU, without gradient).

    Raises:
        ShapeError: If the image or the rotation has the wrong shape, or batches do not fit.
        ValueError: If a rotation is not proper, or `mode` or `supersample` is unknown.
        TypeError: If an argument is of the wrong type, or `mode` would mix labels.
    """
    if has_several_rotations(rotation):
        return for_each_image(erp, rotation, lambda i, r: rotate(i, r, mode))
    camera = erp_camera(erp)
    check_request(erp, camera, camera, rotation, mode)
    symmetries = _symmetries(rotation, camera.width)
    if not any(symmetries):
        return resample_seen(erp, camera, camera, rotation, mode)[0]
    rotations = rotation[None] if rotation.ndim == 2 else rotation
    if len(symmetries) == 1 and symmetries[0] is not None:
        return symmetries[0].apply(erp)
    images = [erp[i : i + 1] for i in range(erp.shape[0])] * (len(symmetries) // erp.shape[0])
    turned = [
        resample_seen(image, camera, camera, turn, mode)[0]
        if symmetry is None
        else symmetry.apply(image)
        for image, turn, symmetry in zip(images, rotations, symmetries, strict=True)
    ]
    return torch.cat(turned)


@dataclass(frozen=True)
class _GridSymmetry:
    """A rotation that maps the pixels of a panorama onto themselves: no interpolation, bit-exact.

    A roll by whole columns, after a turn of the picture by 180° if `flipped`.
    """

    columns: int
    flipped: bool

    def apply(self, erp: Tensor) -> Tensor:
        """Return the rotated panorama (…, h, w), made of the very values of the given one."""
        return (erp.flip(-2, -1) if self.flipped else erp).roll(self.columns, -1)


def _symmetries(rotation: Tensor, width: int) -> list[_GridSymmetry | None]:
    """Return which rotations only move pixels; looked for where values may be looked at."""
    differentiates = rotation.requires_grad and torch.is_grad_enabled()
    if not can_read_values(rotation) or differentiates:
        return [None]
    matrices = rotation.detach().double().reshape(-1, 3, 3).tolist()
    return [_symmetry(matrix, width) for matrix in matrices]


def _symmetry(r: list[list[float]], width: int) -> _GridSymmetry | None:
    if max(abs(r[0][1]), abs(r[1][0]), abs(r[1][2]), abs(r[2][1])) > UPRIGHT:
        return None
    columns = math.atan2(r[0][2], r[2][2]) * width / (2 * math.pi)
    whole = round(columns)
    if abs(columns - whole) > WHOLE_COLUMN:
        return None
    # Upright, columns move left when the camera turns right; upside down, longitudes run back.
    flipped = r[1][1] < 0
    return _GridSymmetry(whole if flipped else -whole, flipped)


@takes_arrays
def little_planet(
    erp: Shaped[Tensor, "b c h w"],
    size: int,
    fov: float = math.radians(300.0),
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    mode: Mode = "bilinear",
    supersample: Supersample = 1,
) -> Shaped[Tensor, "n c s s"]:
    """Return the stereographic view straight down: the ground a disc, the sky around it.

    Args:
        erp: panorama.
        size: s, pixels.
        fov: full angle along a side, radians, below 2 pi.
        rotation: camera-to-world of another view; up gives a tunnel.
        mode: "nearest", "bilinear" or "bicubic".
        supersample: as in `resample`.

    Raises:
        ShapeError: If the image or the rotation has the wrong shape.
        ValueError: If `fov` is out of range or a rotation is not proper.
    """
    turn = from_ypr(0.0, -0.5 * math.pi, device=erp.device) if rotation is None else rotation
    camera = Stereographic.from_fov(size, size, fov)
    return resample(erp, erp_camera(erp), camera, turn, mode, supersample)
