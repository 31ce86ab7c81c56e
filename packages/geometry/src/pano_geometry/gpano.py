"""Cropped and tilted panoramas: the GPano metadata of phones and 360° cameras."""

import math
import re
from dataclasses import dataclass

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.cropped import CroppedEquirectangular
from pano_geometry.cameras.equirectangular import Equirectangular
from pano_geometry.errors import check_image
from pano_geometry.resampling.resample import coverage, resample
from pano_geometry.resampling.taps import Mode
from pano_geometry.rotations import from_ypr
from pano_geometry.tensor_types import Bool, Float, Shaped, Tensor

_ENTRY = re.compile(rb"(?<!/)GPano:(\w+)\s*(?:=\s*[\"']|>)\s*([^\"'<]*)")


@dataclass(frozen=True)
class GPano:
    """Where a picture lies on the full panorama, and how its camera was held.

    Sizes in pixels of the picture that the metadata were written for; a resized one is scaled.

    Source: Photo Sphere XMP metadata, developers.google.com/streetview/spherical-metadata.
    """

    full_height: int
    full_width: int
    crop_height: int
    crop_width: int
    top: int
    left: int
    heading_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    @classmethod
    def read(cls, data: bytes) -> "GPano | None":
        """Return the metadata in the bytes of a JPEG or XMP file; None if it has none.

        Raises:
            ValueError: If an entry is missing or no number.
        """
        found = {key.decode(): value.decode().strip() for key, value in _ENTRY.findall(data)}
        names = {
            "full_height": "FullPanoHeightPixels",
            "full_width": "FullPanoWidthPixels",
            "crop_height": "CroppedAreaImageHeightPixels",
            "crop_width": "CroppedAreaImageWidthPixels",
            "top": "CroppedAreaTopPixels",
            "left": "CroppedAreaLeftPixels",
        }
        if not any(name in found for name in names.values()):
            return None
        missing = [name for name in names.values() if name not in found]
        if missing:
            raise ValueError(f"GPano: got {sorted(found)}, expected {', '.join(missing)} as well")
        pose = (float(found.get(f"Pose{a}Degrees", 0)) for a in ("Heading", "Pitch", "Roll"))
        sizes = {key: int(float(found[name])) for key, name in names.items()}
        heading, pitch, roll = pose
        return cls(**sizes, heading_deg=heading, pitch_deg=pitch, roll_deg=roll)

    def camera(self, height: int, width: int) -> CroppedEquirectangular:
        """Return the camera of the picture, which may have been resized.

        Args:
            height: of the picture, pixels.
            width: of the picture, pixels.
        """
        down, across = height / self.crop_height, width / self.crop_width
        return CroppedEquirectangular(
            height,
            width,
            self.full_height * down,
            self.full_width * across,
            self.top * down,
            self.left * across,
        )

    def rotation(self, heading: bool = False) -> Float[Tensor, "3 3"]:
        """Return how the camera was held, camera-to-world.

        Args:
            heading: Turn to the compass as well (the centre of the result is north).
        """
        yaw = math.radians(self.heading_deg) if heading else 0.0
        return from_ypr(yaw, math.radians(self.pitch_deg), math.radians(self.roll_deg))


@takes_arrays
def place_gpano(
    image: Shaped[Tensor, "b c h w"],
    gpano: GPano,
    height: int,
    width: int,
    heading: bool = False,
    mode: Mode = "bilinear",
) -> tuple[Shaped[Tensor, "b c ho wo"], Bool[Tensor, "1 1 ho wo"]]:
    """Return a cropped or tilted picture on the full, level panorama, and where it is known.

    Args:
        image: the picture.
        gpano: its metadata.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        heading: as in `GPano.rotation`.
        mode: "nearest", "bilinear" or "bicubic".

    Raises:
        ShapeError: If the image has another shape.
        ValueError: If the crop does not lie in the panorama.
    """
    check_image("image", image)
    source = gpano.camera(image.shape[-2], image.shape[-1])
    target = Equirectangular(height, width)
    turn = gpano.rotation(heading).mT.to(image.device)
    erp = resample(image, source, target, turn, mode)
    return erp, coverage(source, target, turn, image.device)
