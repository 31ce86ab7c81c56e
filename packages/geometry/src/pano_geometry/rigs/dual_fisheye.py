"""Two fisheye lenses back to back, as 360° cameras record, and their stitch."""

import math

import torch

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.fisheye import Fisheye
from pano_geometry.errors import check_image, check_rotation
from pano_geometry.resampling.resample import Supersample, resample, resample_masked
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
    camera: Fisheye,
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
        ValueError: If a rotation is not proper.
    """
    check_image("erp", erp)
    source = Equirectangular(erp.shape[-2], erp.shape[-1])
    lenses = _in_world(rotation, back, erp.device)
    sides = [resample(erp, source, camera, turn, supersample=supersample) for turn in lenses]
    return torch.cat(sides, -1)


@takes_arrays
def dual_fisheye_to_erp(
    image: Float[Tensor, "b c s 2*s"],
    camera: Fisheye,
    height: int,
    width: int,
    rotation: Float[Tensor, "3 3"] | None = None,
    back: Float[Tensor, "3 3"] | None = None,
    feather: float | None = None,
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b 1 h w"]]:
    """Stitch both lenses to a panorama; where they overlap one fades into the other.

    Args:
        image: front lens left, back lens right.
        camera: of one lens, of half the width.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        rotation: of the rig, camera-to-world.
        back: rotation of the back lens within the rig, a half turn if not given.
        feather: angle over which they fade, radians; all of the overlap if not given.

    Returns:
        The panorama, 0 where no lens sees anything, and where one does.

    Raises:
        ShapeError: If the image or a rotation has the wrong shape.
        ValueError: If a rotation is not proper.
    """
    check_image("image", image, (camera.height, 2 * camera.width))
    target = Equirectangular(height, width)
    inside = camera.image_mask(image.device)
    assert inside is not None
    valid = inside[None, None]
    overlap = camera.fov - math.pi if feather is None else feather
    width_of_fade = max(min(overlap, camera.fov - math.pi), LEAST_FEATHER)
    rays = target.rays(device=image.device)
    values, weights = [], []
    for side, turn in zip(
        torch.split(image, camera.width, -1), _in_world(rotation, back, image.device), strict=True
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
    return mean, covered


def _in_world(
    rotation: Tensor | None, back: Tensor | None, device: torch.device
) -> Float[Tensor, "2 3 3"]:
    lenses = lens_rotations(back, device)
    if rotation is None:
        return lenses
    check_rotation("rotation", rotation, 1)
    return compose(rotation.to(lenses).reshape(1, 3, 3), lenses)
