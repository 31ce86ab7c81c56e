"""A picture of any format as 8-bit sRGB: turned, placed on the sphere and coloured as it says."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pano_data.errors import CorruptSampleError
from pano_data.io.images import MAX_PIXELS, check_budget, read_file
from pano_data.io.pictures.colour import (
    PixelFormatError,
    find_opaque,
    is_radiance,
    read_radiance,
    to_8_bit,
    to_srgb,
    tone_map,
)
from pano_data.io.pictures.metadata import (
    TURNS,
    UPRIGHT,
    SphereCrop,
    SphereCropError,
    crop_of,
    one_line,
    orientation_of,
    projection_of,
    strip_metadata,
    xmp_of,
)

if TYPE_CHECKING:
    from torch import Tensor

Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit is lower; `check_budget` holds ours

SUFFIXES = frozenset(
    (
        ".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".avif", ".heic", ".heif",
        ".jp2", ".exr", ".hdr", ".insp",
    )
)  # fmt: skip
"""What is taken for a picture in a folder. `.insp` is a JPEG of an Insta360."""
EXACT = frozenset((".jpg", ".jpeg", ".png"))
"""What data sets are published in: `read_rgb` reads it as it is stored, without metadata."""
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"})
_TIFF = (b"II*\0", b"MM\0*")
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_ODD_METADATA = (struct.error, TypeError, KeyError, IndexError, AttributeError, ZeroDivisionError,
                 OverflowError, RuntimeError)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        rgb: `(h, w, 3)` uint8, sRGB.
        valid: `(h, w)` bool; False where the file is transparent, where a crop of the sphere does
            not reach, or where a mask is black.
        notes: What a person should know: metadata that were ignored or applied.
    """

    rgb: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    notes: tuple[str, ...] = ()

    @property
    def tensor(self) -> "Tensor":
        """`(3, h, w)` uint8, as networks take it; shares memory with `rgb`."""
        import torch  # a data set is listed without it, in a second less

        return torch.from_numpy(self.rgb).permute(2, 0, 1)


def read_picture(path: Path | str) -> Picture:
    """Decode a picture of any format in `SUFFIXES` as it is meant to be seen.

    Applied: EXIF orientation, colour profile, photo-sphere crop (XMP GPano), and tone mapping of
    high dynamic range. Metadata that cannot be read are ignored, with a note.

    Raises:
        CorruptSampleError: Missing, damaged, too large, no picture, or one that shows no sphere
            (two fisheye circles of an Insta360).
    """
    path = Path(path)
    head = _read_head(path)
    if is_radiance(head):
        return _show_radiance(read_radiance(path))
    try:
        return _decode(path)
    except UnidentifiedImageError:
        if head.startswith(_TIFF):  # floating-point TIFF of three channels
            return _show_radiance(read_radiance(path))
        raise _not_an_image(path, head) from None
    except (*_UNREADABLE, *_ODD_METADATA) as error:
        if isinstance(error, CorruptSampleError):
            raise
        raise CorruptSampleError(path, "unreadable", one_line(error)) from error
    except MemoryError as error:
        raise CorruptSampleError(path, "unreadable", "not enough memory") from error


def read_keep_mask(path: Path | str) -> NDArray[np.bool_]:
    """Read a mask of any format: True where it is white.

    Raises:
        CorruptSampleError: As `read_picture`.
    """
    return read_picture(path).rgb[..., 0] >= 128


@dataclass(frozen=True)
class Header:
    """What the header of a picture says.

    Attributes:
        size: Height and width that `read_picture` would give.
        turn: EXIF orientation, 1 = as stored.
        crop: The part of the sphere it shows, where its metadata say.
    """

    size: tuple[int, int]
    turn: int = 1
    crop: SphereCrop | None = None


def read_header(path: Path | str) -> Header:
    """Read what can be known of a picture without decoding its pixels.

    Raises:
        CorruptSampleError: As `read_picture`.
    """
    path = Path(path)
    head = _read_head(path)
    if is_radiance(head):
        return _read_radiance_header(path)
    try:
        with _open(path, _ignore) as image:
            turn = orientation_of(image, _ignore)
            size = (image.height, image.width)
            size = size[::-1] if turn in UPRIGHT else size
            crop = _read_crop(path, xmp_of(image), size, _ignore)
    except UnidentifiedImageError:
        if head.startswith(_TIFF):
            return _read_radiance_header(path)
        raise _not_an_image(path, head) from None
    except (*_UNREADABLE, *_ODD_METADATA) as error:
        if isinstance(error, CorruptSampleError):
            raise
        raise CorruptSampleError(path, "unreadable", one_line(error)) from error
    return Header(size if crop is None else crop.full, turn, crop)


def _read_radiance_header(path: Path) -> Header:
    height, width = read_radiance(path).shape[:2]
    return Header((height, width))


def _ignore(note: str) -> None:
    """Drop a note: a header is read to choose files; `read_picture` tells what it met."""


def _decode(path: Path) -> Picture:
    notes: list[str] = []
    with _open(path, notes.append) as image:
        check_budget(image.height, image.width, path)
        image.load()
        if image.mode == "F":
            grey = np.asarray(image, np.float32)
            return _show_radiance(np.repeat(np.nan_to_num(grey).clip(0)[..., None], 3, -1))
        xmp, turn = xmp_of(image), orientation_of(image, notes.append)
        try:
            shown: Image.Image = to_8_bit(image)
        except PixelFormatError as error:
            raise CorruptSampleError(path, "wrong type", str(error)) from error
        shown = shown.transpose(TURNS[turn]) if turn in TURNS else shown
        valid = find_opaque(shown)
        shown, note = to_srgb(shown)
    notes += [note] if note else []
    size = (shown.height, shown.width)
    picture = Picture(np.array(shown), np.ones(size, np.bool_) if valid is None else valid)
    crop = _read_crop(path, xmp, size, notes.append)
    return replace(_place(picture, crop, path), notes=tuple(notes))


def _open(path: Path, tell: Callable[[str], None]) -> Image.Image:
    _register_heif()
    try:
        return Image.open(path)
    except _ODD_METADATA as error:
        # Pillow reads some of the metadata while it opens a file, and raises what it meets there.
        tell(f"its metadata cannot be read and are ignored ({one_line(error)})")
        return Image.open(strip_metadata(read_file(path), path))


@cache
def _register_heif() -> None:
    """Let Pillow read HEIC where the extra `heif` is installed."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return
    register_heif_opener()


def _place(picture: Picture, crop: SphereCrop | None, path: Path) -> Picture:
    if crop is None or crop.is_whole:
        return picture
    check_budget(*crop.full, path)
    seen = crop.place(picture.valid.astype(np.uint8)) > 0
    return Picture(crop.place(picture.rgb), seen)


def _read_crop(
    path: Path, xmp: bytes, size: tuple[int, int], tell: Callable[[str], None]
) -> SphereCrop | None:
    projection = projection_of(xmp)
    if projection not in (None, "equirectangular"):
        raise CorruptSampleError(
            path, "another projection", f"its XMP says {projection}, expected equirectangular"
        )
    if path.suffix.lower() == ".insp" and projection is None:
        raise CorruptSampleError(
            path,
            "not stitched",
            "an Insta360 file of two fisheye circles: export it as a 360° JPEG",
        )
    try:
        crop = crop_of(xmp, size)
    except SphereCropError as error:
        tell(f"its photo-sphere tags (XMP GPano) are ignored: {error}")
        return None
    if crop is not None and not crop.is_whole:
        share = size[0] * size[1] / (crop.full[0] * crop.full[1])
        tell(
            f"a crop of the sphere (XMP GPano): {size[1]}x{size[0]} placed at column {crop.left}, "
            f"row {crop.top} of {crop.full[1]}x{crop.full[0]}, {share:.0%} of it"
        )
    return crop


def _show_radiance(light: NDArray[np.float32]) -> Picture:
    return Picture(
        tone_map(light), np.ones(light.shape[:2], np.bool_), ("high dynamic range, tone-mapped",)
    )


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise CorruptSampleError(path, "missing", "no such file") from error
    except OSError as error:
        raise CorruptSampleError(path, "unreadable", error.strerror or str(error)) from error
    if not head:
        raise CorruptSampleError(path, "empty", "the file has no bytes")
    return head


def _not_an_image(path: Path, head: bytes) -> CorruptSampleError:
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        return CorruptSampleError(
            path, "not supported", "HEIC needs an extra: pip install pillow-heif"
        )
    return CorruptSampleError(path, "not an image", "no decoder knows what it is")
