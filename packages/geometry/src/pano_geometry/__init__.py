"""Exact spherical geometry for panoramas: cameras, resampling, rotation, normals, fusion. Needs only torch.

Conventions: docs/conventions.md. Camera frame x right, y down, z forward; pixel centres at +0.5;
longitude grows to the right; rotations map rays of the output camera into the source frame.
"""

from pano_geometry import native
from pano_geometry.cache import grid_cache
from pano_geometry.cameras import (
    Camera,
    Cassini,
    Cylindrical,
    Equirectangular,
    Fisheye,
    Perspective,
)
from pano_geometry.errors import ShapeError
from pano_geometry.fusion import align_views, blend_views, fuse_gradients
from pano_geometry.great_circle import great_circle_angle
from pano_geometry.normals import distance_to_normals
from pano_geometry.padding import pad
from pano_geometry.panorama import (
    cube_to_erp,
    erp_to_cube,
    erp_to_perspective,
    perspective_to_erp,
    rotate,
)
from pano_geometry.points import depth_to_distance, distance_to_depth, distance_to_points
from pano_geometry.rays import lonlat_to_rays, rays_to_lonlat
from pano_geometry.resample import coverage, resample, resample_masked
from pano_geometry.resizing import resize
from pano_geometry.rigs.cube_padding import pad_cube
from pano_geometry.rigs.cubemap import FACES, Cubemap, face_camera, face_rotations
from pano_geometry.rigs.tangent import erp_to_tangents, tangent_rotations
from pano_geometry.rotations import (
    from_axis_angle,
    from_quaternion,
    from_ypr,
    geodesic_angle,
    random_rotation,
    to_ypr,
)
from pano_geometry.sampling import sample
from pano_geometry.solid_angle import cube_solid_angle, solid_angle
from pano_geometry.splat import points_to_distance

__all__ = [
    "FACES",
    "Camera",
    "Cassini",
    "Cubemap",
    "Cylindrical",
    "Equirectangular",
    "Fisheye",
    "Perspective",
    "ShapeError",
    "align_views",
    "blend_views",
    "coverage",
    "cube_solid_angle",
    "cube_to_erp",
    "depth_to_distance",
    "distance_to_depth",
    "distance_to_normals",
    "distance_to_points",
    "erp_to_cube",
    "erp_to_perspective",
    "erp_to_tangents",
    "face_camera",
    "face_rotations",
    "from_axis_angle",
    "from_quaternion",
    "from_ypr",
    "fuse_gradients",
    "geodesic_angle",
    "great_circle_angle",
    "grid_cache",
    "lonlat_to_rays",
    "native",
    "pad",
    "pad_cube",
    "perspective_to_erp",
    "points_to_distance",
    "random_rotation",
    "rays_to_lonlat",
    "resample",
    "resample_masked",
    "resize",
    "rotate",
    "sample",
    "solid_angle",
    "tangent_rotations",
    "to_ypr",
]
