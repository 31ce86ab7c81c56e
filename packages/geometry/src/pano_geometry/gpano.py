"""Cropped and tilted panoramas: the GPano metadata of phones and 360° cameras."""

import math
import re
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.equirectangular import CroppedEquirectangular, Equirectangular
from pano_geometry.errors import check_image
from pano_geometry.resampling.resample import coverage, resample
from pano_geometry.resampling.taps import Mode
from pano_geometry.rotations import from_ypr
from pano_geometry.tensor_types import Bool, Float, Shaped, Tensor

_TAG = re.compile(rb"(?<!/)GPano:(\w+)\s*(?:=\s*[\"']|>)\s*([^\"'<>]*)")
"""A tag written as an attribute or as an element. No XML parser: packets of strangers may be
broken, or made to explode (Pillow's `getxmp()` wants defusedxml for that reason)."""
_SIZES = {
    "full_height": "FullPanoHeightPixels",
    "full_width": "FullPanoWidthPixels",
    "crop_height": "CroppedAreaImageHeightPixels",
    "crop_width": "CroppedAreaImageWidthPixels",
    "top": "CroppedAreaTopPixels",
    "left": "CroppedAreaLeftPixels",
}
_POSE = "PoseHeadingDegrees", "PosePitchDegrees", "PoseRollDegrees"


@dataclass(frozen=True)
class GPano:
    """Where a picture lies on the full panorama, and how its camera was held.

    Attributes:
        full_height: of the full panorama, in pixels of the picture that the metadata were written
            for (one that was resized since is scaled: `camera`).
        full_width: likewise.
        crop_height: of that picture, pixels.
        crop_width: likewise.
        top: first row of the picture on the full panorama.
        left: first column; the picture may run over the seam.
        heading_deg: compass direction of the centre of the panorama, clockwise from north.
        pitch_deg: above the horizon, of the centre of the panorama.
        roll_deg: of the camera; as it grows the horizon turns counterclockwise in the picture.

    Raises:
        ValueError: If the picture does not lie inside the panorama, or an angle is not finite.

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

    def __post_init__(self) -> None:
        rows = self.crop_height > 0 and 0 <= self.top <= self.full_height - self.crop_height
        if not (rows and 0 < self.crop_width <= self.full_width and self.left >= 0):
            raise ValueError(
                f"GPano: got {self.crop_width}x{self.crop_height} pixels at column {self.left}, "
                f"row {self.top} of {self.full_width}x{self.full_height}, expected one inside "
                "the panorama; correct the tags"
            )
        pose = self.heading_deg, self.pitch_deg, self.roll_deg
        if not all(map(math.isfinite, pose)):
            raise ValueError(f"GPano: got heading, pitch, roll {pose}, expected finite degrees")

    @staticmethod
    def tags(data: bytes) -> dict[str, str]:
        """Return the GPano tags in the bytes of a picture or an XMP packet, without the prefix."""
        found: dict[str, str] = {}
        for key, value in _TAG.findall(data):
            found.setdefault(key.decode(), value.decode("utf-8", "replace").strip())
        return found

    @classmethod
    def read(cls, source: bytes | str | PathLike[str]) -> "GPano | None":
        """Return the metadata of a picture; None if it has none.

        Args:
            source: path of a JPEG or XMP file, its bytes, or the packet alone, which Pillow has
                for every format at `image.info["xmp"]`.

        Raises:
            ValueError: If a tag is missing or no number, or the crop lies outside.
            OSError: If there is no such file.
        """
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        found = cls.tags(data)
        if not any(tag in found for tag in _SIZES.values()):
            return None
        missing = [tag for tag in _SIZES.values() if tag not in found]
        if missing:
            raise ValueError(f"GPano: got {sorted(found)}, expected {', '.join(missing)} as well")
        sizes = {name: int(_number(tag, found[tag])) for name, tag in _SIZES.items()}
        heading, pitch, roll = (_number(tag, found.get(tag, "0")) for tag in _POSE)
        return cls(**sizes, heading_deg=heading, pitch_deg=pitch, roll_deg=roll)

    def camera(self, height: int, width: int) -> CroppedEquirectangular:
        """Return the camera of the picture, which may have been resized.

        Args:
            height: of the picture, pixels.
            width: of the picture, pixels.
        """
        return CroppedEquirectangular(  # a product first: exact where nothing is cut off
            height,
            width,
            self.full_height * height / self.crop_height,
            self.full_width * width / self.crop_width,
            self.top * height / self.crop_height,
            self.left * width / self.crop_width,
        )

    def rotation(
        self, heading: bool = False, device: torch.device | None = None
    ) -> Float[Tensor, "3 3"]:
        """Return how the camera was held, camera-to-world.

        Args:
            heading: Turn to the compass as well (the centre of the result is north).
            device: of the result; torch's default if not given.
        """
        yaw = self.heading_deg if heading else 0.0
        angles = map(math.radians, (yaw, self.pitch_deg, self.roll_deg))
        return from_ypr(*angles, device=device)


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

    Labels take `mode="nearest"`, or `resample_labels` with the same cameras and rotation. Back:
    `resample(erp, Equirectangular(height, width), gpano.camera(h, w), gpano.rotation())`.

    Args:
        image: the picture.
        gpano: its metadata.
        height: of the panorama, pixels.
        width: of the panorama, pixels.
        heading: as in `GPano.rotation`.
        mode: "nearest", "bilinear" or "bicubic".

    Raises:
        ShapeError: If the image has another shape.
        ValueError: If `mode` is unknown.
        TypeError: If `mode` would mix labels.
    """
    check_image("image", image)
    source = gpano.camera(image.shape[-2], image.shape[-1])
    target = Equirectangular(height, width)
    turn = gpano.rotation(heading, image.device).mT
    erp = resample(image, source, target, turn, mode)
    return erp, coverage(source, target, turn, image.device)


def _number(tag: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"GPano:{tag}: got {text!r}, expected a number; correct the tag")
    return value
