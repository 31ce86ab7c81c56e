"""Cameras: rays for pixels, pixels for rays."""

from pano_geometry.cameras.base import Camera, Surface
from pano_geometry.cameras.cylindrical import Cylindrical
from pano_geometry.cameras.equirectangular import Cassini, CroppedEquirectangular, Equirectangular
from pano_geometry.cameras.fisheye import Fisheye, Stereographic
from pano_geometry.cameras.mei import Mei
from pano_geometry.cameras.perspective import Perspective

__all__ = [
    "Camera",
    "Cassini",
    "CroppedEquirectangular",
    "Cylindrical",
    "Equirectangular",
    "Fisheye",
    "Mei",
    "Perspective",
    "Stereographic",
    "Surface",
]
