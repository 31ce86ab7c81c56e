"""Masks of panoramas: files of a folder, by the names that people and COLMAP give them."""

from pathlib import Path

from pano_data.io.paths import has_suffix, list_files
from pano_data.io.pictures.picture import SUFFIXES
from panodepth.errors import CommandError
from panodepth.panoramas import PanoramaFile

NAMES = "NAME.png, NAME_mask.png or NAME.jpg.png (COLMAP), any format and case"


class MaskFolder:
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
