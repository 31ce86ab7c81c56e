"""Walking published trees: stable order, optional top folder, paths relative to the root.

Hidden entries are left out everywhere: archives of macOS put `._NAME` beside every file.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pano_data.errors import CorruptSampleError
from pano_data.io.images import image_size
from pano_data.io.paths import is_hidden


def top(root: Path, *names: str) -> Path:
    """The first of `names` that is a folder below `root`, else `root` itself.

    Archives unpack into a top folder of their own; people also point at its inside.
    """
    return next((root / name for name in names if (root / name).is_dir()), root)


def folders(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """Sub-folders in name order; none where `folder` does not exist."""
    if folder.is_dir():
        yield from sorted(p for p in folder.glob(pattern) if p.is_dir() and not is_hidden(p.name))


def files(folder: Path, pattern: str) -> Iterator[Path]:
    """Files in name order."""
    if folder.is_dir():
        yield from sorted(p for p in folder.glob(pattern) if p.is_file() and not is_hidden(p.name))


def readable_size(images: Iterable[Path]) -> tuple[int, int] | None:
    """Height and width of the first image whose header can be read; the others have the same.

    A corrupt file must not keep its whole folder from being listed.
    """
    for image in images:
        try:
            return image_size(image)
        except (CorruptSampleError, OSError):
            continue
    return None


def relative(path: Path, root: Path) -> str:
    """Path below the root with `/`, as manifests store it."""
    return path.relative_to(root).as_posix()
