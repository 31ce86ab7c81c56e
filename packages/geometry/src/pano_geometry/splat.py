"""Points onto a panorama, the nearest one in front (z-buffer)."""

import torch

from pano_geometry.cameras.base import Camera
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.errors import ShapeError, check_mask, shape_of
from pano_geometry.sampling import working_dtype
from pano_geometry.tensor_types import Bool, Float, Int, Tensor


def points_to_distance(
    points: Float[Tensor, "b n 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n"] | None = None,
    camera: Camera | None = None,
) -> tuple[Float[Tensor, "b 1 h w"], Int[Tensor, "b 1 h w"]]:
    """Distance map of a point cloud, and which point each pixel shows.

    A point fills the pixel it falls into; of several the nearest wins (of equally near ones the
    first). Colours and features follow by indexing with the second result.

    Args:
        points: in the camera frame (x right, y down, z forward), metres.
        height: of the map, pixels.
        width: of the map, pixels.
        valid: points to use; points that are not finite or lie at the origin are never used.
        camera: of the map; a panorama if not given.

    Returns:
        Distances, 0 where no point falls, differentiable in `points`; indices into n, -1 there.
    """
    if points.ndim != 3 or points.shape[-1] != 3:
        raise ShapeError(f"points: got shape {shape_of(points)}, expected (b, n, 3)")
    camera = camera or Equirectangular(height, width)
    if camera.size != (height, width):
        raise ShapeError(f"camera: got size {camera.size}, expected {(height, width)}")
    usable = torch.isfinite(points).all(-1) & (points != 0).any(-1)
    if valid is not None:
        check_mask("valid", valid[:, None, None], usable[:, None, None])
        usable = usable & valid
    anywhere = points.new_tensor([0.0, 0.0, 1.0])
    points = torch.where(usable[..., None], points, anywhere)
    exact = points.to(working_dtype(points))  # squares of metres overflow half precision
    distance = torch.linalg.vector_norm(exact, dim=-1)
    cell, usable = _cells(exact.detach(), usable, camera)
    index = _nearest(distance.detach(), cell, usable, height * width)
    shown = index >= 0
    values = distance.gather(1, index.clamp_min(0))
    values = torch.where(shown, values, torch.zeros_like(values)).to(points.dtype)
    return values.reshape(-1, 1, height, width), index.reshape(-1, 1, height, width)


def _cells(points: Tensor, usable: Tensor, camera: Camera) -> tuple[Tensor, Tensor]:
    """Flat pixel index of each point, and which points fall into the image."""
    pixels = camera.project(points)
    usable = usable & camera.contains(pixels[..., 0], pixels[..., 1])
    pixels = torch.where(usable[..., None], pixels, torch.zeros_like(pixels))
    column = pixels[..., 0].floor().long().clamp(max=camera.width - 1)
    row = pixels[..., 1].floor().long().clamp(max=camera.height - 1)
    return row * camera.width + column, usable


def _nearest(distance: Tensor, cell: Tensor, usable: Tensor, cells: int) -> Tensor:
    """Index of the nearest usable point of each cell (b, cells), -1 where there is none."""
    b, n = distance.shape
    far = torch.where(usable, distance, torch.full_like(distance, float("inf")))
    nearest = far.new_full((b, cells), float("inf")).scatter_reduce(1, cell, far, "amin")
    wins = usable & (far == nearest.gather(1, cell))
    number = torch.arange(n, device=cell.device).expand(b, n)
    candidate = torch.where(wins, number, torch.full_like(number, n))
    first = candidate.new_full((b, cells), n).scatter_reduce(1, cell, candidate, "amin")
    return torch.where(first < n, first, torch.full_like(first, -1))
