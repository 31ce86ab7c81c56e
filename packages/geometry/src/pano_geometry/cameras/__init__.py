"""Cameras: rays for pixels, pixels for rays."""

from pano_geometry.cameras.base import Camera, Surface
from pano_geometry.cameras.cassini import Cassini
from pano_geometry.cameras.cropped import CroppedEquirectangular
from pano_geometry.cameras.cylindrical import Cylindrical
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.cameras.fisheye import Fisheye
from pano_geometry.cameras.mei import Mei
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.cameras.stereographic import Stereographic

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
