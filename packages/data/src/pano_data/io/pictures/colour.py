"""Any pixel format and colour profile to 8-bit sRGB."""

import io

import numpy as np
from PIL import Image, ImageCms

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


def opaque(image: Image.Image) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]] | None:
    """Return where an image is not transparent, `(h, w)`; None for one without transparency."""
    if not image.has_transparency_data:
        return None
    alpha = image if image.mode in ("RGBA", "LA", "PA") else image.convert("RGBA")
    return np.asarray(alpha.getchannel("A")) >= _OPAQUE_FROM


def to_srgb(image: Image.Image) -> tuple[Image.Image, str | None]:
    """Convert to RGB of sRGB by the image's own colour profile, if it has one.

    Returns:
        The RGB image, and what is to be told of a profile that cannot be used.
    """
    profile = image.info.get("icc_profile")
    image = _without_alpha(image)
    if not profile or image.mode not in _WITH_PROFILE:
        return image.convert("RGB"), None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if image.mode == "RGB" and "sRGB" in ImageCms.getProfileDescription(source):
            return image, None
        converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError) as error:
        told = " ".join(str(error).split())
        return image.convert("RGB"), f"its colour profile cannot be used and is ignored ({told})"
    assert converted is not None  # only an in-place conversion returns nothing
    return converted, None


def _without_alpha(image: Image.Image) -> Image.Image:
    if image.mode in ("LA", "La"):
        return image.convert("L")
    if image.mode in ("RGBA", "RGBX", "RGBa", "P", "PA", "1"):
        return image.convert("RGBA").convert("RGB") if image.mode == "P" else image.convert("RGB")
    return image
