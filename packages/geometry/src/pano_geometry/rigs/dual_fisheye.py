"""Two fisheye lenses back to back, as 360° cameras record, and their stitch."""

import math

import torch

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.equirectangular import Equirectangular, erp_camera
from pano_geometry.cameras.fisheye import Fisheye
from pano_geometry.cameras.mei import Mei
from pano_geometry.errors import ShapeError, check_image, check_rotation, shape_of
from pano_geometry.resampling.resample import Supersample, resample, resample_masked
from pano_geometry.resampling.sampling import restore_dtype, working_dtype
from pano_geometry.rotations import compose, from_ypr
from pano_geometry.tensor_types import Bool, Float, Shaped, Tensor

LEAST_FEATHER = 1e-3
"""Width of the blend, radians, where the lenses hardly overlap."""


def lens_rotations(
    back: Float[Tensor, "3 3"] | None = None, device: torch.device | None = None
) -> Float[Tensor, "2 3 3"]:
    """Return where front and back lens look, camera-to-world; the back one by a half turn.

    Args:
        back: rotation of the back lens where a calibration has it.
        device: of the result.
    """
    front = torch.eye(3, device=device)
    half_turn = from_ypr(math.pi, device=front.device)
    return torch.stack([front, half_turn if back is None else back.to(front)])


@takes_arrays
def erp_to_dual_fisheye(
    erp: Shaped[Tensor, "b c h w"],
    camera: Fisheye | Mei,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    back: Float[Tensor, "3 3"] | None = None,
    supersample: Supersample = 1,
) -> Shaped[Tensor, "n c s 2*s"]:
    """Return the images of both lenses side by side, front left, 0 beyond the image circles.

    Args:
        erp: panorama.
        camera: of one lens.
        rotation: of the rig, camera-to-world; one, or several as in `resample`.
        back: rotation of the back lens within the rig, a half turn if not given.
        supersample: as in `resample`.

    Raises:
        ShapeError: If the image or a rotation has the wrong shape.
        TypeError: If the camera is no fisheye.
        ValueError: If a rotation is not proper.
    """
    _check_lens(camera)
    source = erp_camera(erp)
    lenses = _in_world(rotation, back, erp.device)
    sides = [
        resample(erp, source, camera, turn, supersample=supersample) for turn in lenses.unbind(-3)
    ]
    return torch.cat(sides, -1)


@takes_arrays
def dual_fisheye_to_erp(
    image: Shaped[Tensor, "b c s 2*s"],
    camera: Fisheye | Mei,
    height: int,
    width: int,
    rotation: Float[Tensor, "*b 3 3"] | None = None,
    back: Float[Tensor, "3 3"] | None = None,
    feather: float | None = None,
) -> tuple[Shaped[Tensor, "n c h w"], Bool[Tensor, "n 1 h w"]]:
    """Stitch both lenses to a panorama; where they overlap one fades into the other.

    Args:
        image: front lens left, back lens right.
        camera: of one lens, of half the width.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        rotation: of the rig, camera-to-world; one, or several as in `resample` (a video that a
            gyroscope steadies has one for each picture).
        back: rotation of the back lens within the rig, a half turn if not given.
        feather: angle over which they fade, radians; all of the overlap if not given, and at most
            that; 0 for a hard seam.

    Returns:
        The panorama, 0 where no lens sees anything, and where one does.

    Raises:
        ShapeError: If the image or a rotation has the wrong shape.
        TypeError: If the camera is no fisheye.
        ValueError: If a rotation is not proper or `feather` is out of range.
    """
    _check_lens(camera)
    check_image("image", image, (camera.height, 2 * camera.width))
    if feather is not None and not 0 <= feather < math.inf:
        raise ValueError(f"feather: got {feather}, expected radians >= 0")
    target = Equirectangular(height, width)
    valid = camera.image_mask(image.device)[None, None]
    overlap = camera.fov - math.pi if feather is None else feather
    width_of_fade = max(min(overlap, camera.fov - math.pi), LEAST_FEATHER)
    exact = image.to(working_dtype(image))
    rays = target.rays(device=image.device)
    values, weights = [], []
    lenses = _in_world(rotation, back, image.device).unbind(-3)
    for side, turn in zip(torch.split(exact, camera.width, -1), lenses, strict=True):
        value, share = resample_masked(side, valid, camera, target, turn.mT)
        ahead = turn[..., :, 2]
        cosine = (rays * ahead[..., None, None, :]).sum(-1)
        off_axis = torch.acos(cosine.clamp(-1, 1))[..., None, :, :]
        fade = ((0.5 * (math.pi + width_of_fade) - off_axis) / width_of_fade).clamp(0, 1)
        weight = fade.clamp_min(1e-6) * (share >= 0.5)
        values.append(value * weight)
        weights.append(weight)
    total = weights[0] + weights[1]
    covered = total > 0
    mean = (values[0] + values[1]) / torch.where(covered, total, torch.ones_like(total))
    return restore_dtype(mean, image.dtype), covered


def _check_lens(camera: object) -> None:
    if not isinstance(camera, Fisheye | Mei):
        raise TypeError(
            f"camera: got {type(camera).__name__}, expected a pano_geometry.Fisheye or Mei"
        )


def _in_world(
    rotation: Tensor | None, back: Tensor | None, device: torch.device
) -> Float[Tensor, "*b 2 3 3"]:
    """Return where the lenses of each rig look, camera-to-world."""
    if back is not None:
        check_rotation("back", back)
        if back.ndim == 3 and back.shape[0] != 1:
            raise ShapeError(f"back: got shape {shape_of(back)}, expected (3, 3): one for the rig")
        back = back.reshape(3, 3)
    lenses = lens_rotations(back, device)
    if rotation is None:
        return lenses
    check_rotation("rotation", rotation.flatten(0, 1) if rotation.ndim == 4 else rotation)
    return compose(rotation.to(lenses)[..., None, :, :], lenses)
