"""Distance maps, z-depth maps and points."""

import torch

from pano_geometry.cameras.base import Camera
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import ShapeError, check_map, check_mask, shape_of
from pano_geometry.pixels import EXACT_ON, lacks_float64
from pano_geometry.resampling.sampling import working_dtype
from pano_geometry.tensor_types import Bool, Float, Int, Tensor


def distance_to_points(
    distance: Float[Tensor, "b 1 h w"], camera: Camera | None = None
) -> Float[Tensor, "b h w 3"]:
    """Return the points in the camera frame (x right, y down, z forward).

    Args:
        distance: Euclidean distance along the ray, metres.
        camera: of the map; a panorama of its size if not given.

    Returns:
        Points in metres. A distance of NaN or inf gives a point of NaN or inf.

    Raises:
        ShapeError: If `distance` is not (b, 1, h, w) of the size of its camera.
    """
    check_map("distance", distance)
    camera = camera or Equirectangular(distance.shape[-2], distance.shape[-1])
    if camera.size != tuple(distance.shape[-2:]):
        raise ShapeError(
            f"distance: got shape {shape_of(distance)}, expected (b, 1, {camera.height}, "
            f"{camera.width}), the size of its camera"
        )
    rays = camera.rays(dtype=working_dtype(distance), device=distance.device)
    return (distance[:, 0, ..., None] * rays).to(distance.dtype)


def depth_to_distance(
    depth: Float[Tensor, "*b h w"], camera: Perspective
) -> Float[Tensor, "*b h w"]:
    """Return the distance along the ray of depth along the optical axis.

    Args:
        depth: z-depth, metres; invalid values (0, NaN, inf) stay what they are.
        camera: of the map; a cube face is `face_camera(f)`.

    Raises:
        ShapeError: If `depth` does not have the size of its camera.
        TypeError: If `camera` is not a `Perspective`.
    """
    factor = _distance_per_depth("depth", depth, camera)
    return (depth * factor).to(depth.dtype)


def distance_to_depth(
    distance: Float[Tensor, "*b h w"], camera: Perspective
) -> Float[Tensor, "*b h w"]:
    """Return depth along the optical axis of distance along the ray.

    Raises:
        ShapeError: If `distance` does not have the size of its camera.
        TypeError: If `camera` is not a `Perspective`.
    """
    factor = _distance_per_depth("distance", distance, camera)
    return (distance / factor).to(distance.dtype)


def _distance_per_depth(name: str, values: Tensor, camera: Perspective) -> Tensor:
    """Return the length of the ray whose z is 1, (h, w) or (b, 1, h, w)."""
    if not isinstance(camera, Perspective):
        raise TypeError(
            f"camera: got {type(camera).__name__}, expected Perspective: z-depth has "
            "an optical axis only there"
        )
    if values.ndim < 2 or tuple(values.shape[-2:]) != camera.size:
        raise ShapeError(
            f"{name}: got shape {shape_of(values)}, expected (..., {camera.height}, "
            f"{camera.width}), the size of its camera"
        )
    exact = EXACT_ON if lacks_float64(values.device) else values.device
    x, y, _ = camera.ray_planes(None, torch.float64, exact)
    factor = torch.sqrt(x * x + y * y + 1.0).to(working_dtype(values)).to(values.device)
    return factor[:, None] if factor.ndim == 3 else factor


def points_to_distance(
    points: Float[Tensor, "b n 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n"] | None = None,
    camera: Camera | None = None,
) -> tuple[Float[Tensor, "b 1 h w"], Int[Tensor, "b 1 h w"]]:
    """Return the distance map of a point cloud, and which point each pixel shows.

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

    Raises:
        ShapeError: If points, mask or camera do not fit.
        TypeError: If `valid` is not bool.
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
    """Return the flat pixel index of each point, and which points fall into the image."""
    pixels = camera.project(points)
    usable = usable & camera.contains(pixels[..., 0], pixels[..., 1])
    pixels = torch.where(usable[..., None], pixels, torch.zeros_like(pixels))
    column = pixels[..., 0].floor().long().clamp(max=camera.width - 1)
    row = pixels[..., 1].floor().long().clamp(max=camera.height - 1)
    return row * camera.width + column, usable


def _nearest(distance: Tensor, cell: Tensor, usable: Tensor, cells: int) -> Tensor:
    """Return index of the nearest usable point of each cell (b, cells), -1 where there is none."""
    b, n = distance.shape
    far = torch.where(usable, distance, torch.full_like(distance, float("inf")))
    nearest = far.new_full((b, cells), float("inf")).scatter_reduce(1, cell, far, "amin")
    wins = usable & (far == nearest.gather(1, cell))
    number = torch.arange(n, device=cell.device).expand(b, n)
    candidate = torch.where(wins, number, torch.full_like(number, n))
    first = candidate.new_full((b, cells), n).scatter_reduce(1, cell, candidate, "amin")
    return torch.where(first < n, first, torch.full_like(first, -1))
