"""Distance maps, z-depth maps and points."""

import torch

from pano_geometry.cameras.base import Camera
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.errors import ShapeError, check_map, shape_of
from pano_geometry.sampling import working_dtype
from pano_geometry.tensor_types import Float, Tensor


def distance_to_points(
    distance: Float[Tensor, "b 1 h w"], camera: Camera | None = None
) -> Float[Tensor, "b h w 3"]:
    """Points in the camera frame (x right, y down, z forward).

    Args:
        distance: Euclidean distance along the ray, metres.
        camera: of the map; a panorama of its size if not given.

    Returns:
        Points in metres. A distance of NaN or inf gives a point of NaN or inf.
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
    """Distance along the ray of depth along the optical axis.

    Args:
        depth: z-depth, metres; invalid values (0, NaN, inf) stay what they are.
        camera: of the map; a cube face is `face_camera(f)`.
    """
    factor = _distance_per_depth("depth", depth, camera)
    return (depth * factor).to(depth.dtype)


def distance_to_depth(
    distance: Float[Tensor, "*b h w"], camera: Perspective
) -> Float[Tensor, "*b h w"]:
    """Depth along the optical axis of distance along the ray; inverse of `depth_to_distance`."""
    factor = _distance_per_depth("distance", distance, camera)
    return (distance / factor).to(distance.dtype)


def _distance_per_depth(name: str, values: Tensor, camera: Perspective) -> Tensor:
    """Length of the ray whose z is 1, (h, w) or (b, 1, h, w)."""
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
    x, y, _ = camera.ray_planes(None, torch.float64, values.device)
    factor = torch.sqrt(x * x + y * y + 1.0).to(working_dtype(values))
    return factor[:, None] if factor.ndim == 3 else factor
