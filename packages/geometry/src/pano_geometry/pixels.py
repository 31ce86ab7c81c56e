"""The half pixel, written once: pixel `i` covers `[i, i + 1)` and its centre is `i + 0.5`.

A pixel coordinate is continuous, 0 at the left (top) border of the image and `n` at the right
(bottom) border. An index coordinate (`taps`) is the same minus one half: integer at centres.
"""

import math

import torch

from pano_geometry.errors import check_size
from pano_geometry.tensor_types import Float, Tensor

FULL_TURN = 2.0 * math.pi
HALF_TURN = math.pi
EXACT_ON = torch.device("cpu")
"""Where tables are computed for devices that have no float64."""
NO_FLOAT64 = {"mps", "meta"}
"""Types of devices without float64; there tables are made on the CPU, rounded, and moved.

`meta`, which holds no values, stands for the poorest device: what makes float64 shows without one.
"""


def lacks_float64(device: torch.device) -> bool:
    """Return whether a device cannot compute in float64."""
    return device.type in NO_FLOAT64


def place(device: torch.device | str | None) -> torch.device:
    """Return the device that was asked for; that of `torch.set_default_device` if none was."""
    # Not get_default_device(), which torch.compile does not trace.
    return torch.empty(0).device if device is None else torch.device(device)


def centres(n: int, device: torch.device | None = None) -> Float[Tensor, " n"]:
    """Return the pixel coordinates of the `n` pixel centres, float64: 0.5, 1.5, …, n - 0.5."""
    return torch.arange(n, dtype=torch.float64, device=device) + 0.5


def to_index(pixel: Tensor) -> Tensor:
    """Convert a pixel coordinate to an index coordinate; pixel centres are integers there."""
    return pixel - 0.5


def to_grid(pixel: Tensor, n: int) -> Tensor:
    """Convert a pixel coordinate to the [-1, 1] of `grid_sample(align_corners=False)`."""
    return pixel * (2.0 / n) - 1.0


def from_grid(coordinate: Tensor, n: int) -> Tensor:
    """Invert `to_grid`."""
    return (coordinate + 1.0) * (0.5 * n)


def angle_of(pixel: Tensor, n: int, span: float) -> Tensor:
    """Return the angle of a coordinate on an axis of `n` pixels and `span` rad, 0 at its middle."""
    return (pixel - 0.5 * n) * (span / n)


def pixel_of(angle: Tensor, n: int, span: float) -> Tensor:
    """Invert `angle_of`."""
    return angle * (n / span) + 0.5 * n


def centre_angles(n: int, span: float, device: torch.device | None = None) -> Float[Tensor, " n"]:
    """Return the angles of the `n` pixel centres of an axis that spans `span` rad, float64."""
    return angle_of(centres(n, device), n, span)


def _rounded_angles(n: int, span: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    exact = EXACT_ON if lacks_float64(device) else device
    return centre_angles(n, span, exact).to(dtype).to(device)


def row_latitudes(
    height: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, " h"]:
    """Return the latitude of the pixel centres of each row of a panorama.

    Args:
        height: Of the panorama, pixels.
        dtype: Of the result; angles are computed in float64 and rounded once.
        device: Of the result, torch's default device if not given.

    Returns:
        Radians, positive up, from just below pi/2 to just above -pi/2.

    Raises:
        TypeError: If `height` is not an int.
        ValueError: If `height` is less than 1.
    """
    check_size("height", height)
    return -_rounded_angles(height, HALF_TURN, dtype, place(device))


def column_longitudes(
    width: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, " w"]:
    """Return the longitude of the pixel centres of each column of a panorama.

    Args:
        width: Of the panorama, pixels.
        dtype: Of the result; angles are computed in float64 and rounded once.
        device: Of the result, torch's default device if not given.

    Returns:
        Radians, 0 at +z, growing to the right, from just above -pi to just below pi.

    Raises:
        TypeError: If `width` is not an int.
        ValueError: If `width` is less than 1.
    """
    check_size("width", width)
    return _rounded_angles(width, FULL_TURN, dtype, place(device))


def solid_angle(
    height: int,
    width: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, " h"]:
    """Return the solid angle of one pixel in each row of a panorama, steradians.

    The area of a latitude band over its pixels: exact, so `width` times the sum is 4 pi.
    Weights by the cosine of latitude exceed it by a relative 1e-4 at 64 rows.

    Raises:
        TypeError: If a size is not an int.
        ValueError: If a size is less than 1.
    """
    check_size("height", height)
    check_size("width", width)
    where = place(device)
    exact = EXACT_ON if lacks_float64(where) else where
    borders = torch.arange(height + 1, dtype=torch.float64, device=exact) * (HALF_TURN / height)
    # cos a - cos b without cancellation at the poles.
    middle = 0.5 * (borders[1:] + borders[:-1])
    half = 0.5 * (HALF_TURN / height)
    sine = torch.sin(torch.tensor(half, dtype=torch.float64, device=exact))
    band = 2.0 * torch.sin(middle) * sine
    return (band * (FULL_TURN / width)).to(dtype).to(where)


def cube_solid_angle(
    face_size: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Float[Tensor, "f f"]:
    """Return the solid angle of each pixel of a cube face, steradians; six faces sum to 4 pi.

    Source: the corner integral A(x, y) = atan2(x y, sqrt(x² + y² + 1)).

    Raises:
        TypeError: If `face_size` is not an int.
        ValueError: If `face_size` is less than 1.
    """
    check_size("face_size", face_size)
    where = place(device)
    exact = EXACT_ON if lacks_float64(where) else where
    edges = torch.linspace(-1.0, 1.0, face_size + 1, dtype=torch.float64, device=exact)
    x, y = edges[None, :], edges[:, None]
    corner = torch.atan2(x * y, torch.sqrt(x * x + y * y + 1.0))
    area = corner[1:, 1:] - corner[:-1, 1:] - corner[1:, :-1] + corner[:-1, :-1]
    return area.to(dtype).to(where)
