"""Rotations (3, 3) or (b, 3, 3) in the camera frame (x right, y down, z forward).

`R` maps rays of the output (rotated) camera into the source frame: camera-to-world. Its columns
are the axes of the rotated camera, so `R[..., 2]` is where it looks.
"""

import math
from collections.abc import Sequence

import torch

from pano_geometry.errors import ShapeError, check_size, shape_of
from pano_geometry.pixels import EXACT_ON, lacks_float64, place
from pano_geometry.tensor_types import Float, Tensor

Angle = float | Float[Tensor, "*b"]


def matrix(entries: Sequence[Tensor]) -> Float[Tensor, "*b 3 3"]:
    """Return a 3 x 3 matrix of nine entries, row by row."""
    flat = torch.stack(list(entries), -1)
    return flat.reshape(*flat.shape[:-1], 3, 3)


def compose(a: Float[Tensor, "*b 3 3"], b: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b 3 3"]:
    """Multiply matrices in their own dtype; under autocast `@` would round to bfloat16."""
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)


def from_ypr(
    yaw: Angle,
    pitch: Angle = 0.0,
    roll: Angle = 0.0,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, "*b 3 3"]:
    """Return `R = Ry(yaw) Rx(pitch) Rz(roll)`.

    Args:
        yaw: radians, > 0 looks right.
        pitch: radians, > 0 looks up.
        roll: radians, > 0 turns the camera clockwise.
        dtype: of the result where no angle is a tensor.
        device: likewise; torch's default if not given.

    Returns:
        Rotation of the broadcast shape of the angles, differentiable in them.

    Raises:
        TypeError: If the angles are not floating.
    """
    for name, angle in (("yaw", yaw), ("pitch", pitch), ("roll", roll)):
        if isinstance(angle, Tensor) and not angle.is_floating_point():
            raise TypeError(f"{name}: got dtype {angle.dtype}, expected a floating dtype (radians)")
    given = [a for a in (yaw, pitch, roll) if isinstance(a, Tensor)]
    like = given[0] if given else torch.zeros((), dtype=torch.float64, device=EXACT_ON)
    about_y, about_x, about_z = (
        _about(axis, torch.as_tensor(angle, dtype=like.dtype, device=like.device))
        for axis, angle in ((1, yaw), (0, pitch), (2, roll))
    )
    rotation = compose(compose(about_y, about_x), about_z)
    return rotation if given else rotation.to(dtype).to(place(device))


def _about(axis: int, angle: Tensor) -> Tensor:
    """Return the right-handed rotation about a coordinate axis."""
    c, s = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    entries = {
        0: (one, zero, zero, zero, c, -s, zero, s, c),
        1: (c, zero, s, zero, one, zero, -s, zero, c),
        2: (c, -s, zero, s, c, zero, zero, zero, one),
    }[axis]
    return matrix(entries)


def to_ypr(
    rotation: Float[Tensor, "*b 3 3"],
) -> tuple[Float[Tensor, "*b"], Float[Tensor, "*b"], Float[Tensor, "*b"]]:
    """Return yaw, pitch, roll of `from_ypr`; roll is 0 where the camera looks up or down."""
    r = rotation
    pitch = torch.atan2(-r[..., 1, 2], torch.hypot(r[..., 1, 0], r[..., 1, 1]))
    locked = torch.hypot(r[..., 1, 0], r[..., 1, 1]) < 1e-7
    yaw = torch.where(
        locked,
        torch.atan2(-r[..., 2, 0], r[..., 0, 0]),
        torch.atan2(r[..., 0, 2], r[..., 2, 2]),
    )
    roll = torch.atan2(r[..., 1, 0], r[..., 1, 1])
    return yaw, pitch, torch.where(locked, torch.zeros_like(roll), roll)


def from_axis_angle(vector: Float[Tensor, "*b 3"]) -> Float[Tensor, "*b 3 3"]:
    """Return the rotation about `vector` by its length in radians, right-handed.

    Smooth in `vector`, zero included.

    Source: Rodrigues' formula as the matrix exponential of the cross-product matrix.

    Raises:
        ShapeError: If `vector` is not (..., 3).
    """
    if vector.ndim < 1 or vector.shape[-1] != 3:
        raise ShapeError(f"vector: got shape {shape_of(vector)}, expected (..., 3)")
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    cross = matrix([zero, -z, y, z, zero, -x, -y, x, zero])
    with torch.autocast(vector.device.type, enabled=False):  # it multiplies matrices
        rotation: Tensor = torch.linalg.matrix_exp(cross)
    return rotation


def random_rotation(
    n: int,
    generator: torch.Generator | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, "n 3 3"]:
    """Return `n` rotations, uniform over SO(3).

    Args:
        n: how many.
        generator: source of randomness; numbers are drawn on its device.
        dtype: of the result; drawing and normalising happen in float64.
        device: of the result; the generator's (or torch's default) if not given.

    Source: a normalised vector of four normal numbers is a uniform unit quaternion (Shoemake 1992).

    Raises:
        TypeError: If `n` is not an int.
        ValueError: If `n` is less than 1.
    """
    check_size("n", n)
    drawn_on = generator.device if generator is not None else place(None)
    if lacks_float64(drawn_on):
        drawn_on = EXACT_ON
    q = torch.randn(n, 4, generator=generator, dtype=torch.float64, device=drawn_on)
    wanted = place(device) if device is not None or generator is None else generator.device
    return from_quaternion(q).to(dtype).to(wanted)


def from_quaternion(quaternion: Float[Tensor, "*b 4"]) -> Float[Tensor, "*b 3 3"]:
    """Return the rotation of a quaternion (w, x, y, z), normalised here.

    Raises:
        ShapeError: If `quaternion` is not (..., 4).
    """
    if quaternion.ndim < 1 or quaternion.shape[-1] != 4:
        raise ShapeError(f"quaternion: got shape {shape_of(quaternion)}, expected (..., 4)")
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    entries = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return matrix(entries)


def geodesic_angle(a: Float[Tensor, "*b 3 3"], b: Float[Tensor, "*b 3 3"]) -> Float[Tensor, "*b"]:
    """Return angle in [0, pi] of the rotation between two rotations, exact for small ones too."""
    # |a - b|_F = 2 sqrt(2) sin(angle / 2): no arccos, which loses half the digits near 0.
    chord = torch.linalg.matrix_norm(a - b) / (2 * math.sqrt(2.0))
    return 2 * torch.asin(chord.clamp(max=1.0))
