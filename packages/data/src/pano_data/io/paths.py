"""Paths below a folder: names of unknown origin joined safely, files listed.

Names come from manifests, records and lists. A listing follows links, and leaves out and counts
hidden entries.
"""

import os
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from pano_data.errors import DataError

OUTSIDE = re.compile(r"^$|\x00|^[/\\]|^[A-Za-z]:[/\\]|(?:^|[/\\])\.\.(?:$|[/\\])")
"""What leaves a folder on any system: nothing, NUL, an absolute path, a drive, a step up."""


def is_inside(name: str) -> bool:
    """Tell whether a relative name stays below the folder it is joined to."""
    return OUTSIDE.search(name) is None


def join_inside(folder: Path | str, name: str) -> Path:
    """Join a name of unknown origin to a folder.

    Raises:
        DataError: The name would leave the folder.
    """
    if not is_inside(name):
        raise DataError(f"got the name {name!r}, expected one that stays below {folder}")
    return Path(folder) / name


ARCHIVE_LEFTOVERS = frozenset({"__MACOSX"})
"""Folders that archives made on a Mac bring along: one resource fork per file."""


@dataclass
class Listing:
    """What a walk found.

    Attributes:
        files: In the order of their paths.
        hidden: Wanted files that were left out because they, or a folder above them, are hidden
            (`._a.jpg` of macOS, `.cache/`, `__MACOSX/`).
        unreadable: Folders that could not be listed, with the reason.
    """

    files: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder of this name is left out of every listing."""
    return name.startswith(".") or name in ARCHIVE_LEFTOVERS


def is_file(path: str | PathLike[str]) -> bool:
    """Tell whether there is such a file; False for names no file system holds (pathlib raises)."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: str | PathLike[str]) -> bool:
    """Tell whether there is such a folder; False for names that no file system holds."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def has_suffix(suffixes: Collection[str]) -> Callable[[str], bool]:
    """Return a test of file names: one of `suffixes` (`.jpg`), in upper or lower case."""
    return lambda name: Path(name).suffix.lower() in suffixes


def list_files(root: Path | str, wanted: Callable[[str], bool], recursive: bool = True) -> Listing:
    """List the files of a folder whose name is wanted.

    Links to files and folders are followed; one that leads back to a folder above it is not
    entered again.

    Args:
        root: The folder; it may be a link, or hidden itself.
        wanted: Test of a file name without its folder.
        recursive: Descend into subfolders.

    Raises:
        OSError: `root` itself cannot be listed.
    """
    listing = Listing()

    def tell(error: OSError) -> None:
        if Path(error.filename) == Path(root):
            raise error
        listing.unreadable.append((Path(error.filename), error.strerror or str(error)))

    above: dict[str, list[tuple[int, int]]] = {}
    for name, folders, files in os.walk(root, onerror=tell, followlinks=True):
        folder = Path(name)
        here = folder.stat()
        way = [*above.get(str(folder.parent), ()), (here.st_dev, here.st_ino)]
        if way[-1] in way[:-1]:  # a link back
            folders.clear()
            continue
        above[str(folder)] = way
        below_hidden = any(map(is_hidden, folder.relative_to(root).parts))
        for file in filter(wanted, files):
            hidden = below_hidden or is_hidden(file)
            (listing.hidden if hidden else listing.files).append(folder / file)
        if not recursive:
            break
    listing.files.sort()
    listing.hidden.sort()
    return listing
