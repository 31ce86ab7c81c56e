"""Exact spherical geometry for panoramas: cameras, resampling, rotation, normals, fusion.

Needs only torch. Conventions: docs/conventions.md. Camera frame x right, y down, z forward; pixel
centres at +0.5; longitude grows to the right; rotations map rays of the output camera into the
source frame.
"""

from pano_geometry.cameras import (
    Camera,
    Cassini,
    CroppedEquirectangular,
    Cylindrical,
    Equirectangular,
    Fisheye,
    Mei,
    Perspective,
    Stereographic,
)
from pano_geometry.cameras.cubemap import FACES, Cubemap, face_camera, face_rotations
from pano_geometry.distance import (
    depth_to_distance,
    distance_to_depth,
    distance_to_normals,
    distance_to_points,
    points_to_distance,
)
from pano_geometry.errors import ShapeError
from pano_geometry.fusion import align_views, blend_views, fuse_gradients
from pano_geometry.gpano import GPano, place_gpano
from pano_geometry.padding import pad, pad_cube
from pano_geometry.panorama import (
    cube_to_erp,
    erp_to_cube,
    erp_to_perspective,
    little_planet,
    perspective_to_erp,
    rotate,
)
from pano_geometry.pixels import column_longitudes, cube_solid_angle, row_latitudes, solid_angle
from pano_geometry.rays import great_circle_angle, lonlat_to_rays, rays_to_lonlat
from pano_geometry.resampling import native
from pano_geometry.resampling.cache import grid_cache
from pano_geometry.resampling.labels import resample_labels
from pano_geometry.resampling.resample import coverage, resample, resample_masked
from pano_geometry.resampling.sampling import sample
from pano_geometry.resizing import resize
from pano_geometry.rigs.cube_layouts import (
    FACE_ORDERS,
    FaceOrder,
    cube_to_layout,
    layout_to_cube,
)
from pano_geometry.rigs.dual_fisheye import dual_fisheye_to_erp, erp_to_dual_fisheye
from pano_geometry.rigs.tangent import erp_to_tangents, tangent_rotations
from pano_geometry.rotations import (
    from_axis_angle,
    from_quaternion,
    from_ypr,
    geodesic_angle,
    random_rotation,
    to_ypr,
)

__version__ = "0.1.0"

__all__ = [
    "FACES",
    "FACE_ORDERS",
    "Camera",
    "Cassini",
    "CroppedEquirectangular",
    "Cubemap",
    "Cylindrical",
    "Equirectangular",
    "FaceOrder",
    "Fisheye",
    "GPano",
    "Mei",
    "Perspective",
    "ShapeError",
    "Stereographic",
    "__version__",
    "align_views",
    "blend_views",
    "column_longitudes",
    "coverage",
    "cube_solid_angle",
    "cube_to_erp",
    "cube_to_layout",
    "depth_to_distance",
    "distance_to_depth",
    "distance_to_normals",
    "distance_to_points",
    "dual_fisheye_to_erp",
    "erp_to_cube",
    "erp_to_dual_fisheye",
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
    "layout_to_cube",
    "little_planet",
    "lonlat_to_rays",
    "native",
    "pad",
    "pad_cube",
    "perspective_to_erp",
    "place_gpano",
    "points_to_distance",
    "random_rotation",
    "rays_to_lonlat",
    "resample",
    "resample_labels",
    "resample_masked",
    "resize",
    "rotate",
    "row_latitudes",
    "sample",
    "solid_angle",
    "tangent_rotations",
    "to_ypr",
]
