"""Panoramas on disk: which files are meant, and what is in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from panodepth.errors import BadPanoramaError, CommandError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp"})
# 16384x8192 is a common camera format; twice that is still an image and not a decompression bomb.
MAX_PIXELS = 2 * 16384 * 8192
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow's own limit is lower; this one is checked below
HIGH_DYNAMIC_RANGE = frozenset({".exr", ".hdr"})
OUTPUTS = ("_distance", "_disparity", "_preview")  # pictures that `predict` writes
MIN_HEIGHT = 16
# 2:1 up to rounding: stitchers write 2047x1023 and 5999x3000.
ASPECT_TOLERANCE = 0.005


@dataclass(frozen=True)
class PanoramaFile:
    """One input: the file and the folder it was found under (which its outputs are relative to)."""

    path: Path
    root: Path

    @property
    def name(self) -> str:
        """The path below the root without suffix: `kitchen` or `floor1/kitchen`."""
        return self.path.relative_to(self.root).with_suffix("").as_posix()


@dataclass(frozen=True)
class Panorama:
    """A decoded panorama.

    Attributes:
        rgb: `(h, w, 3)` uint8.
        valid: `(h, w)` bool; False where the file is transparent or its mask is black.
    """

    rgb: NDArray[np.uint8]
    valid: NDArray[np.bool_]

    @property
    def tensor(self) -> torch.Tensor:
        """`(3, h, w)` uint8, as networks take it; shares memory with `rgb`."""
        return torch.from_numpy(self.rgb).permute(2, 0, 1)


def _folder(root: Path, recursive: bool) -> list[PanoramaFile]:
    candidates = root.rglob("*") if recursive else root.iterdir()
    images = (p for p in candidates if p.is_file() and p.suffix.lower() in SUFFIXES)
    found = sorted(p for p in images if not p.name.startswith(".") and not _is_output(p))
    if not found:
        below = "" if recursive else " (its subfolders are read with --recursive)"
        raise CommandError(f"{root} holds no image{below}: expected {', '.join(sorted(SUFFIXES))}")
    return [PanoramaFile(path, root) for path in found]


def find_panoramas(paths: Sequence[Path], recursive: bool = False) -> list[PanoramaFile]:
    """List the panoramas that `paths` name: files as they are, folders by their images.

    Args:
        paths: Files and folders. A file is listed even when it does not exist: reading it fails
            with a reason, and the others are used.
        recursive: Descend into subfolders.

    Returns:
        In the order of `paths`, folders sorted, each file once. Left out of folders: hidden files,
        and pictures that an earlier `predict` wrote there; masks (`b0_mask.png` beside `b0.png`)
        everywhere.

    Raises:
        CommandError: A folder holds no image, or two panoramas would have outputs of the same name.
    """
    listed = [
        file
        for path in paths
        for file in (
            _folder(path, recursive) if path.is_dir() else [PanoramaFile(path, path.parent)]
        )
    ]
    unique = list({file.path.absolute(): file for file in listed}.values())
    stems = {file.path.with_suffix("") for file in unique}
    panoramas = [f for f in unique if not _is_mask(f.path, stems)]
    _refuse_same_names(panoramas)
    return panoramas


def _is_output(path: Path) -> bool:
    """Whether the record of a prediction beside a picture says that it is part of it."""
    names = (path.stem.removesuffix(e) for e in OUTPUTS if path.stem.endswith(e))
    return any(path.with_name(f"{name}_prediction.json").is_file() for name in names)


def _is_mask(path: Path, stems: set[Path]) -> bool:
    return path.stem.endswith("_mask") and path.with_name(path.stem[: -len("_mask")]) in stems


def _refuse_same_names(panoramas: list[PanoramaFile]) -> None:
    first: dict[str, PanoramaFile] = {}
    for file in panoramas:
        other = first.setdefault(file.name, file)
        if other is not file:
            raise CommandError(
                f"{other.path} and {file.path} would both be written as {file.name!r}: run them "
                "with different --out folders, rename one of them, or give the common folder of "
                "two folders with --recursive"
            )


def _open(path: Path) -> Image.Image:
    image = Image.open(path)
    if image.width * image.height > MAX_PIXELS:
        raise BadPanoramaError(
            f"got {image.width}x{image.height} pixels, at most {MAX_PIXELS:,} are read"
        )
    return image


def _load(path: Path) -> Image.Image:
    try:
        image = _open(path)
        image.load()
        return ImageOps.exif_transpose(image)
    except FileNotFoundError as error:
        raise BadPanoramaError("no such file") from error
    except UnidentifiedImageError as error:
        if path.suffix.lower() in HIGH_DYNAMIC_RANGE:
            raise BadPanoramaError("high dynamic range: tone map to 8 or 16 bits first") from error
        raise BadPanoramaError("not an image that can be read") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadPanoramaError(f"unreadable: {error}") from error


def _to_8_bit(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16") or image.mode == "I":
        values = np.asarray(image).astype(np.float64)
        if values.max() > 65535:
            raise BadPanoramaError("got 32-bit integers: tone map to 8 or 16 bits first")
        return Image.fromarray(np.rint(np.clip(values, 0, 65535) / 257).astype(np.uint8))
    if image.mode == "F":
        raise BadPanoramaError("got floating-point pixels: tone map to 8 or 16 bits first")
    return image


def _check_aspect(width: int, height: int, force: bool) -> None:
    if height < MIN_HEIGHT:
        raise BadPanoramaError(
            f"got {width}x{height}, expected a height of at least {MIN_HEIGHT} px"
        )
    if not force and abs(width / (2 * height) - 1) > ASPECT_TOLERANCE:
        raise BadPanoramaError(
            f"got {width}x{height} ({width / height:.2f}:1), expected a full 360°x180° panorama "
            "(2:1): pad the missing rows first, or stretch it with --force-aspect"
        )


def read_panorama(path: Path, mask: Path | None = None, force_aspect: bool = False) -> Panorama:
    """Decode a panorama of 8 or 16 bits: RGB, RGBA, grey, palette or CMYK.

    Args:
        path: The image.
        mask: A grey image of the same size, white = keep; None keeps everything.
        force_aspect: Take an image that is not 2:1 as a stretched full sphere.

    Returns:
        The pixels; transparent ones (alpha under one half) and masked ones are not valid.

    Raises:
        BadPanoramaError: Missing, unreadable, not 2:1, or a mask of another size.
    """
    image = _to_8_bit(_load(path))
    _check_aspect(image.width, image.height, force_aspect)
    valid = np.ones((image.height, image.width), dtype=np.bool_)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        valid &= np.asarray(image.getchannel("A")) >= 128
    if mask is not None:
        valid &= _read_mask(mask, image.size)
    return Panorama(np.array(image.convert("RGB")), valid)


def _read_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    mask = _to_8_bit(_load(path)).convert("L")
    if mask.size != size:
        raise BadPanoramaError(
            f"mask {path.name} is {mask.width}x{mask.height}, expected the panorama's "
            f"{size[0]}x{size[1]}"
        )
    return np.asarray(mask) >= 128


def find_mask(folder: Path, panorama: PanoramaFile) -> Path | None:
    """The mask of a panorama in a folder: `<name>.png` or `<name>_mask.png`.

    None if there is none.
    """
    candidates = (folder / f"{panorama.name}{ending}.png" for ending in ("", "_mask"))
    own = panorama.path.absolute()
    return next((c for c in candidates if c.is_file() and c.absolute() != own), None)
