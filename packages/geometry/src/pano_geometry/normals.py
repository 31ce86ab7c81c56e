"""Surface normals of a panorama of distances."""

import torch

from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.errors import check_map, check_mask
from pano_geometry.padding import half_turn
from pano_geometry.pixels import EXACT_ON, FULL_TURN, HALF_TURN, centre_angles, lacks_float64
from pano_geometry.resampling.sampling import working_dtype
from pano_geometry.tensor_types import Bool, Float, Tensor


def distance_to_normals(
    distance: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"] | None = None
) -> Float[Tensor, "b 3 h w"]:
    """Return the unit normals that face the camera (x right, y down, z forward).

    The plane n·P = 1 has the inverse distance q = n·r along the ray r, so n = q r + grad q, the
    gradient on the sphere. Differences of q are taken over neighbours about one row pitch away
    on either side, so that columns that crowd together near the poles do no harm, and divided so
    that planes come out exact. Where one neighbour is not valid the other one serves alone.

    Args:
        distance: metres, > 0.
        valid: pixels to use; those with finite positive distance if not given.

    Returns:
        Unit vectors; 0 at pixels that are not valid or have no valid neighbour along a row or
        a column. Values under the mask (NaN included) change neither results nor gradients.

    Raises:
        ShapeError: If `distance` is not (b, 1, h, w), or the mask does not fit.
        TypeError: If `valid` is not bool.
    """
    check_map("distance", distance)
    usable = torch.isfinite(distance) & (distance > 0)
    if valid is not None:
        check_mask("valid", valid, distance)
        usable = usable & valid
    height, width = distance.shape[-2:]
    dtype = working_dtype(distance)
    inverse = torch.where(usable, distance, 1.0).to(dtype).reciprocal()
    inverse = torch.where(usable, inverse, torch.zeros_like(inverse))
    down, down_ok = _slope_along_rows(inverse, usable, height)
    east, east_ok = _slope_along_columns(inverse, usable, down, height, width)
    normal = _assemble(inverse, east, down, height, width)
    known = usable & down_ok & east_ok
    length = torch.linalg.vector_norm(torch.where(known, normal, 1.0), dim=1, keepdim=True)
    return torch.where(known, -normal / length, 0.0).to(distance.dtype)


def _slope_along_rows(q: Tensor, usable: Tensor, height: int) -> tuple[Tensor, Tensor]:
    """Return the slope of q towards growing rows, per radian, and where it is known."""
    step = torch.tensor(HALF_TURN / height, dtype=q.dtype, device=q.device)
    sine, cosine = torch.sin(step), torch.cos(step)
    above, below = _vertical_neighbours(q)
    above_ok, below_ok = (side == 1 for side in _vertical_neighbours(usable.to(q.dtype)))
    both = (below - above) / (2 * sine)
    down = (below - q * cosine) / sine
    up = (q * cosine - above) / sine
    slope = torch.where(above_ok & below_ok, both, torch.where(below_ok, down, up))
    known = above_ok | below_ok
    return torch.where(known, slope, 0.0), known


def _vertical_neighbours(field: Tensor) -> tuple[Tensor, Tensor]:
    """Values one row above and below; the first and last row look across the pole."""
    above = torch.cat([half_turn(field[..., :1, :]), field[..., :-1, :]], -2)
    below = torch.cat([field[..., 1:, :], half_turn(field[..., -1:, :])], -2)
    return above, below


def _slope_along_columns(
    q: Tensor, usable: Tensor, down: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return slope of q towards growing columns, per radian of longitude, and where it is known."""
    lat = centre_angles(height, HALF_TURN, EXACT_ON if lacks_float64(q.device) else q.device)
    pitch, row_pitch = FULL_TURN / width, HALF_TURN / height
    shift = (row_pitch / (pitch * torch.cos(lat))).round().clamp(1, max(width // 4, 1)).long()
    step = (shift.double() * pitch).to(q.dtype).to(q.device)[:, None]
    shift = shift.to(q.device)
    sine, turn = torch.sin(step), torch.cos(step) - 1
    column = torch.arange(width, device=q.device)
    right, left = (
        torch.remainder(column + sign * shift[:, None], width).expand(q.shape) for sign in (1, -1)
    )
    right_ok, left_ok = usable.gather(-1, right), usable.gather(-1, left)
    ahead, behind = q.gather(-1, right), q.gather(-1, left)
    # Along a row, q of a plane is a constant plus one harmonic; a difference to one side needs
    # the constant: the vertical part of the normal times the sine of latitude.
    s, c = (f(lat).to(q.dtype).to(q.device)[:, None] for f in (torch.sin, torch.cos))
    harmonic = q - s * (q * s + down * c)
    both = (ahead - behind) / (2 * sine)
    one = torch.where(right_ok, ahead - q - harmonic * turn, -(behind - q - harmonic * turn)) / sine
    known = right_ok | left_ok
    return torch.where(known, torch.where(right_ok & left_ok, both, one), 0.0), known


def _assemble(q: Tensor, east: Tensor, down: Tensor, height: int, width: int) -> Tensor:
    """Return the vector q r + (east / cos lat) e_east + down e_down, (b, 3, h, w)."""
    exact = EXACT_ON if lacks_float64(q.device) else q.device
    tables = Equirectangular(height, width).ray_tables(exact).to(q.dtype).to_device(q.device)
    assert tables.row_scale is not None
    cos_lat = tables.row_scale.to(q.dtype)[:, None]
    sin_lat = tables.rows[:, 1].to(q.dtype)[:, None]
    sin_lon, cos_lon = tables.columns[:, 0].to(q.dtype), tables.columns[:, 2].to(q.dtype)
    horizontal = q * cos_lat - down * sin_lat
    along = east / cos_lat
    return torch.cat(
        [
            horizontal * sin_lon + along * cos_lon,
            q * sin_lat + down * cos_lat,
            horizontal * cos_lon - along * sin_lon,
        ],
        1,
    )
