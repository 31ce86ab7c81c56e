"""Cameras: rays for pixels, pixels for rays."""

from pano_geometry.cameras.base import Camera, Surface
from pano_geometry.cameras.cassini import Cassini
from pano_geometry.cameras.cylindrical import Cylindrical
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.fisheye import Fisheye
from pano_geometry.cameras.perspective import Perspective

__all__ = [
    "Camera",
    "Cassini",
    "Cylindrical",
    "Equirectangular",
    "Fisheye",
    "Perspective",
    "Surface",
]
