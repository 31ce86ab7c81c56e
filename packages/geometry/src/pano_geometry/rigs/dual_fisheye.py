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
    half_turn = from_ypr(math.pi).to(front)
    return torch.stack([front, half_turn if back is None else back.to(front)])


@takes_arrays
def erp_to_dual_fisheye(
    erp: Shaped[Tensor, "b c h w"],
    camera: Fisheye | Mei,
    rotation: Float[Tensor, "3 3"] | None = None,
    back: Float[Tensor, "3 3"] | None = None,
    supersample: Supersample = 1,
) -> Shaped[Tensor, "b c s 2*s"]:
    """Return the images of both lenses side by side, front left, 0 beyond the image circles.

    Args:
        erp: panorama.
        camera: of one lens.
        rotation: of the rig, camera-to-world.
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
    sides = [resample(erp, source, camera, turn, supersample=supersample) for turn in lenses]
    return torch.cat(sides, -1)


@takes_arrays
def dual_fisheye_to_erp(
    image: Shaped[Tensor, "b c s 2*s"],
    camera: Fisheye | Mei,
    height: int,
    width: int,
    rotation: Float[Tensor, "3 3"] | None = None,
    back: Float[Tensor, "3 3"] | None = None,
    feather: float | None = None,
) -> tuple[Shaped[Tensor, "b c h w"], Bool[Tensor, "b 1 h w"]]:
    """Stitch both lenses to a panorama; where they overlap one fades into the other.

    Args:
        image: front lens left, back lens right.
        camera: of one lens, of half the width.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        rotation: of the rig, camera-to-world.
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
    for side, turn in zip(
        torch.split(exact, camera.width, -1), _in_world(rotation, back, image.device), strict=True
    ):
        value, share = resample_masked(side, valid, camera, target, turn.mT)
        off_axis = torch.acos((rays @ turn[:, 2]).clamp(-1, 1))
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


def _one(name: str, rotation: Tensor) -> Tensor:
    """Return the one rotation of a rig, (3, 3), also of (1, 3, 3)."""
    check_rotation(name, rotation)
    if rotation.ndim == 3 and rotation.shape[0] != 1:
        raise ShapeError(
            f"{name}: got shape {shape_of(rotation)}, expected (3, 3): one for the rig"
        )
    return rotation.reshape(3, 3)


def _in_world(
    rotation: Tensor | None, back: Tensor | None, device: torch.device
) -> Float[Tensor, "2 3 3"]:
    lenses = lens_rotations(None if back is None else _one("back", back), device)
    if rotation is None:
        return lenses
    return compose(_one("rotation", rotation).to(lenses)[None], lenses)
