"""Panoramas on disk: which files are meant, what is in them, which masks belong to them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from pano_data import CorruptSampleError
from pano_data.io.paths import Listing, has_suffix, is_file, is_folder, list_files
from pano_data.io.pictures.metadata import is_two_to_one
from pano_data.io.pictures.picture import SUFFIXES, Picture, read_keep_mask, read_picture
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.input_names import PanoramaFile, tell_apart

OUTPUTS = ("_distance", "_disparity", "_preview", "_normals", "_sky", "_sixdof")
"""Endings of pictures that `predict` writes."""
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".insv", ".360"})
MIN_HEIGHT = 16
STEREO = {
    1.0: "one above the other",
    4.0: "side by side",
}
"""Aspect of two whole panoramas in one picture -> how they lie."""
OTHER_PICTURES = frozenset(
    (
        ".gif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".rw2", ".orf", ".psd", ".psb",
        ".jxl", ".tga", ".pgm", ".ppm", ".pnm", ".svg", ".pdf",
    )
)  # fmt: skip
"""Not taken from a folder, and said so: animations, raw files of cameras, files of editors."""
INSTEAD = {
    b"version https://git-lfs": "a pointer of Git LFS, its picture was not fetched: git lfs pull",
    b"<!doctype": "a web page, the download of the picture failed",
    b"<html": "a web page, the download of the picture failed",
    b"<?xml": "a message of a server or a drawing, expected a picture of pixels",
    b"{": "a JSON text, the download of the picture failed",
}
"""First bytes of what downloads leave under the name of a picture -> what to say of it."""
MASK_NAMES = "NAME.png, NAME_mask.png or NAME.jpg.png (COLMAP), any format and case"


def find_panoramas(
    paths: Sequence[Path],
    recursive: bool = False,
    tell: Callable[[str], None] | None = None,
) -> list[PanoramaFile]:
    """List the panoramas that `paths` name: files as they are, folders by their images.

    Links are followed.

    Args:
        paths: Files and folders. A file is listed even when it does not exist: reading it fails
            with a reason, and the others are used. So is a folder without an image, beside others:
            its `problem` is the reason.
        recursive: Descend into subfolders.
        tell: Called with a line about what is left out of folders: hidden files, subfolders that
            cannot be listed, videos and raw files, what is no file, pictures that an earlier
            `predict` wrote there, and masks (`b0_mask.png` or `b0.png.png` beside `b0.png`). Also
            with a line about inputs of one name, which are named after their folders, too.

    Returns:
        In the order of `paths`, folders sorted, each file once.

    Raises:
        CommandError: There is no image in any folder.
    """
    listed = [
        file
        for path in paths
        for file in (
            _folder(path, recursive, tell) if is_folder(path) else [PanoramaFile(path, path.parent)]
        )
    ]
    if listed and all(file.problem for file in listed):
        raise CommandError("; ".join(file.problem for file in listed))
    unique = list({file.path.absolute(): file for file in listed}.values())
    stems = {file.path.with_suffix("") for file in unique} | {file.path for file in unique}
    panoramas = [f for f in unique if not _is_mask(f.path, stems)]
    if tell and len(panoramas) < len(unique):
        tell(f"left out: {len(unique) - len(panoramas)} masks")
    return tell_apart(panoramas, tell)


def _folder(root: Path, recursive: bool, tell: Callable[[str], None] | None) -> list[PanoramaFile]:
    try:
        known = SUFFIXES | VIDEO_SUFFIXES | OTHER_PICTURES
        listing = list_files(root, has_suffix(known), recursive)
    except OSError as error:
        return [_nothing_in(root, f"{root} cannot be listed ({error.strerror})")]
    pictures = [path for path in listing.files if path.suffix.lower() in SUFFIXES]
    found = [path for path in pictures if not _is_output(path)]
    if tell:
        _tell_left_out(root, listing, len(pictures) - len(found), tell)
    if not found:
        below = "" if recursive else " (its subfolders are read with --recursive)"
        reason = f"{root} holds no image{below}: expected {', '.join(sorted(SUFFIXES))}"
        return [_nothing_in(root, reason)]
    return [PanoramaFile(path, root) for path in found]


def _nothing_in(folder: Path, problem: str) -> PanoramaFile:
    return PanoramaFile(folder, folder.parent, problem=problem)


def _tell_left_out(root: Path, listing: Listing, outputs: int, tell: Callable[[str], None]) -> None:
    if listing.hidden:
        tell(f"left out: {len(listing.hidden)} hidden, first {listing.hidden[0]}")
    for folder, reason in listing.unreadable:
        tell(f"left out: folder {folder} cannot be listed ({reason})")
    others = Counter(p.suffix.lower() for p in listing.files if p.suffix.lower() not in SUFFIXES)
    for suffix, count in sorted(others.items()):
        instead = (
            "panodepth video FILE" if suffix in VIDEO_SUFFIXES else "export them as JPEG or PNG"
        )
        tell(f"left out: {count} {suffix} below {root} ({instead})")
    if outputs:
        tell(f"left out: {outputs} pictures that panodepth predict wrote into {root}")


def _is_output(path: Path) -> bool:
    """Whether the record of a prediction beside a picture says that it is part of it."""
    names = (path.stem.removesuffix(e) for e in OUTPUTS if path.stem.endswith(e))
    return any(is_file(path.with_name(f"{name}_prediction.json")) for name in names)


def _is_mask(path: Path, panoramas: set[Path]) -> bool:
    """Whether it is named after a panorama beside it; `panoramas`: with and without suffix."""
    stem = path.stem
    beside = path.with_name(stem[: -len("_mask")]) if stem.lower().endswith("_mask") else None
    return beside in panoramas or (
        Path(stem).suffix.lower() in SUFFIXES and path.with_suffix("") in panoramas
    )


def read_panorama(path: Path, mask: Path | None = None, force_aspect: bool = False) -> Picture:
    """Decode a panorama of any format, see `pano_data.io.pictures`.

    Args:
        path: The image.
        mask: A grey image of the same size, white = keep; None keeps everything.
        force_aspect: Take an image that is not 2:1 as a stretched full sphere.

    Returns:
        The pixels; transparent, unseen (of a crop) and masked ones are not valid.

    Raises:
        BadPanoramaError: Missing, unreadable, not 2:1, or a mask of another size.
    """
    if path.exists() and not is_file(path):
        kind = "a folder" if is_folder(path) else "a pipe or a device"
        raise BadPanoramaError(f"got {kind}, expected the file of a picture")
    if path.suffix.lower() in VIDEO_SUFFIXES:
        raise BadPanoramaError(f"got a video: panodepth video {path}")
    try:
        picture = read_picture(path)
        height, width = picture.valid.shape
        check_aspect(height, width, force_aspect)
        if (pictures := _count_pictures(path)) > 1:
            note = f"the first of {pictures} pictures in it is used"
            picture = replace(picture, notes=(*picture.notes, note))
        return picture if mask is None else _masked(picture, mask)
    except CorruptSampleError as error:
        detail = _look_inside(path) or error.detail
        raise BadPanoramaError(f"{error.reason}: {detail}") from error


def _look_inside(path: Path) -> str | None:
    """Say what else a file is that stands in the place of a picture; None where it is a picture."""
    try:
        with path.open("rb") as file:
            head = file.read(256).lstrip().lower()
    except OSError:
        return None
    return next((what for start, what in INSTEAD.items() if head.startswith(start)), None)


def _count_pictures(path: Path) -> int:
    """Return how many pictures an animation, a stereo MPO or a TIFF of several pages holds."""
    try:
        with Image.open(path) as image:
            return int(getattr(image, "n_frames", 1))
    except Exception:  # noqa: BLE001 - the picture was decoded; a damaged index of others is no fault
        return 1


def check_aspect(height: int, width: int, force: bool = False) -> None:
    """Refuse what is no whole sphere.

    Raises:
        BadPanoramaError: Not 2:1 (unless forced), or only a few pixels high.
    """
    if height < MIN_HEIGHT:
        raise BadPanoramaError(
            f"got {width}x{height}, expected a height of at least {MIN_HEIGHT} px"
        )
    if force or is_two_to_one(height, width):
        return
    got = f"got {width}x{height} ({width / height:.2f}:1), expected a full 360°x180° panorama (2:1)"
    for aspect, lie in STEREO.items():
        if is_two_to_one(height, round(width * 2 / aspect)):
            raise BadPanoramaError(f"{got}: two of them {lie} (stereo)? Cut it in half first")
    if is_two_to_one(width, height):
        raise BadPanoramaError(f"{got}: does it lie on its side? Turn it by 90° first")
    missing = "rows" if width > 2 * height else "columns (or is it a perspective photo?)"
    raise BadPanoramaError(
        f"{got}: pad the missing {missing} first, or stretch it with --force-aspect"
    )


def _masked(picture: Picture, path: Path) -> Picture:
    keep = read_keep_mask(path)
    if keep.shape != picture.valid.shape:
        height, width = picture.valid.shape
        raise BadPanoramaError(
            f"mask {path.name} is {keep.shape[1]}x{keep.shape[0]}, expected the panorama's "
            f"{width}x{height}"
        )
    return replace(picture, valid=picture.valid & keep)


class MaskFinder:
    """Finds masks in a folder, which is listed once.

    Args:
        folder: Its subfolders are those of the panoramas.

    Raises:
        CommandError: It is no folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            masks = list_files(folder, has_suffix(SUFFIXES)).files
        except OSError as error:
            raise CommandError(
                f"--mask {folder} is no folder that can be listed ({error.strerror}): give the "
                "folder that holds the masks"
            ) from error
        self._masks: dict[str, Path] = {}
        for mask in masks:
            name = mask.relative_to(folder).with_suffix("").as_posix()
            self._masks.setdefault(name.casefold(), mask)

    def find(self, panorama: PanoramaFile) -> Path | None:
        """Return the mask of a panorama; None if there is none."""
        with_suffix = panorama.path.relative_to(panorama.root).as_posix()
        own = panorama.path.absolute()
        for name in (panorama.name, f"{panorama.name}_mask", with_suffix, f"{with_suffix}_mask"):
            mask = self._masks.get(name.casefold())
            if mask is not None and mask.absolute() != own:
                return mask
        return None
