"""Any pixel format, colour profile or dynamic range to 8-bit sRGB.

High dynamic range is linear light of EXR, Radiance HDR and floating-point TIFF; it is tone-mapped.
"""

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from pano_data.errors import CorruptSampleError
from pano_data.io.images import check_budget, read_exr, read_file

SRGB = ImageCms.createProfile("sRGB")
_OPAQUE_FROM = 128
"""Alpha under one half hides a pixel."""
_WITH_PROFILE = frozenset({"RGB", "L", "CMYK"})


class PixelFormatError(ValueError):
    """Numbers whose black and white are unknown."""


def to_8_bit(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey; other modes stay.

    Raises:
        PixelFormatError: Integers of more than 16 bits.
    """
    if not (image.mode.startswith("I;16") or image.mode == "I"):
        return image
    values = np.asarray(image).astype(np.float64)
    if values.max() > 65535:
        raise PixelFormatError("got 32-bit integers: tone map to 8 or 16 bits first")
    grey = np.rint(np.clip(values, 0, 65535) / 257).astype(np.uint8)
    return Image.fromarray(grey)


def find_opaque(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]] | None:
    """Return where an image is not transparent, `(h, w)`; None for one without transparency."""
    if not image.has_transparency_data:
        return None
    alpha = image if image.mode in ("RGBA", "LA", "PA") else image.convert("RGBA")
    return np.asarray(alpha.getchannel("A")) >= _OPAQUE_FROM


def to_srgb(image: Image.Image) -> tuple[Image.Image, str | None]:
    """Convert to RGB of sRGB by the image's own colour profile, if it has one.

    Returns:
        The RGB image, and a note where its profile cannot be used.
    """
    profile = image.info.get("icc_profile")
    image = _drop_alpha(image)
    if not profile or image.mode not in _WITH_PROFILE:
        return image.convert("RGB"), None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return image, None
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        return image.convert("RGB"), f"its colour profile cannot be used and is ignored ({reason})"
    assert converted is not None  # only an in-place conversion returns nothing
    return converted, None


def _drop_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "La"):
        return image.convert("L")
    if image.mode in ("RGBA", "RGBX", "RGBa", "P", "PA", "1"):
        return image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
    return image


KEY = 0.18
"""Luminance that the logarithmic mean of the picture becomes. Source: Reinhard 2002, eq. 2."""
BURN_OUT = 0.995
"""Quantile of the luminance that becomes white. A guess: the sun and lamps burn out."""
SRGB_TO_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Source: ITU-R BT.709."""
_EXR = b"\x76\x2f\x31\x01"
_RADIANCE = b"#?"


def is_radiance(head: bytes) -> bool:
    """Tell whether a file that starts so is EXR or Radiance HDR."""
    return head.startswith((_EXR, _RADIANCE))


def read_radiance(path: Path) -> NDArray[np.float32]:
    """Read linear RGB `(h, w, 3)`; NaN and negative numbers become 0, infinity the largest.

    Raises:
        CorruptSampleError: Undecodable, too large, or without colours (a depth map).
    """
    with path.open("rb") as file:
        exr = file.read(4) == _EXR
    light = _read_exr_colours(path) if exr else _read_with_opencv(path)
    finite = np.isfinite(light)
    largest = light[finite].max(initial=0)
    return np.clip(np.nan_to_num(light, nan=0, posinf=largest, neginf=0), 0, None)


def _read_exr_colours(path: Path) -> NDArray[np.float32]:
    channels = read_exr(path)
    # A renderer's layers are named before the channel: ViewLayer.Combined.R.
    layers = sorted({name.rpartition(".")[0] for name in channels}, key=lambda n: (len(n), n))
    for layer in layers:
        names = [f"{layer}.{c}" if layer else c for c in "RGB"]
        if all(name in channels for name in names):
            planes = [np.asarray(channels[name], np.float32) for name in names]
            return np.stack(planes, -1)
    raise CorruptSampleError(
        path, "no colours", f"got channels {sorted(channels)}, expected R, G and B"
    )


def _read_with_opencv(path: Path) -> NDArray[np.float32]:
    image = cv2.imdecode(np.frombuffer(read_file(path), np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise CorruptSampleError(path, "undecodable", "the decoder found no picture in it")
    check_budget(image.shape[0], image.shape[1], path)
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, -1)
    return np.asarray(image[..., 2::-1], np.float32)


def tone_map(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn linear RGB into the 8-bit sRGB picture a camera would have taken.

    Exposure by the logarithmic mean, highlights compressed, hue kept.

    Source: Reinhard et al. 2002, Photographic Tone Reproduction, eq. 1, 2 and 4.
    """
    luminance = light @ SRGB_TO_LUMINANCE
    lit = luminance[luminance > 0]
    if not lit.size:
        return np.zeros(light.shape, np.uint8)
    scaled = luminance * (KEY / np.exp(np.log(lit).mean()))
    white = max(float(np.quantile(scaled[:: max(1, len(scaled) // 512)], BURN_OUT)), 1.0)
    shown = scaled * (1 + scaled / white**2) / (1 + scaled)
    gain = shown / np.where(luminance > 0, luminance, 1)
    linear = np.clip(light * gain[..., None], 0, 1)
    encoded = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055
    )  # Source: IEC 61966-2-1
    return np.asarray(np.rint(encoded * 255), np.uint8)
