"""What published trees have in common: folders in a stable order, lists of images, relative paths.

Hidden entries are left out everywhere: archives of macOS put `._NAME` beside every file. Lists
hold one image per line, with roots and slashes of their own.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pano_data.errors import CorruptSampleError, DataError, DatasetNotFoundError
from pano_data.io.images import image_size
from pano_data.io.paths import is_hidden
from pano_data.manifest import Row


def find_top(root: Path, *names: str) -> Path:
    """Return the first of `names` that is a folder below `root`, else `root` itself.

    Archives unpack into a top folder of their own; people also point at its inside.
    """
    return next((root / name for name in names if (root / name).is_dir()), root)


def folders(folder: Path, pattern: str = "*") -> Iterator[Path]:
    """List sub-folders in name order; none where `folder` does not exist."""
    if folder.is_dir():
        yield from sorted(p for p in folder.glob(pattern) if p.is_dir() and not is_hidden(p.name))


def files(folder: Path, pattern: str) -> Iterator[Path]:
    """List files in name order; none where `folder` does not exist."""
    if folder.is_dir():
        yield from sorted(p for p in folder.glob(pattern) if p.is_file() and not is_hidden(p.name))


def readable_size(images: Iterable[Path]) -> tuple[int, int] | None:
    """Return height and width of the first image whose header can be read, as of all others.

    A corrupt file must not keep its whole folder from being listed.
    """
    for image in images:
        try:
            return image_size(image)
        except (CorruptSampleError, OSError):
            continue
    return None


UNPACKED = "unpacked"
"""Folder below a root: what the `unpack` of its data set makes of packed files, once."""


def require_unpacked(packed: Iterable[Path], folder: Path, call: str) -> None:
    """Refuse a release that was downloaded and not unpacked yet.

    Args:
        packed: Files (or folders) of the release; none: there is nothing to unpack.
        folder: Where what is made of them lies.
        call: What unpacks them, below `pano_data.datasets`.

    Raises:
        DatasetNotFoundError: The release is there and the folder is not.
    """
    first = next(iter(packed), None)
    if first is not None and not folder.is_dir():
        raise DatasetNotFoundError(
            f"unpacked files of {first.name}", folder, "root", f"pano_data.datasets.{call}"
        )


def relative(path: Path, root: Path) -> str:
    """Return the path below the root with `/`, as manifests store it."""
    return path.relative_to(root).as_posix()


_UUID = re.compile(r"[0-9a-f]{32}[^/]*$")


def read_list(path: Path) -> Iterator[list[str]]:
    """Read the words of every line, with `/` and without a leading one.

    A leading slash (Deep360) would make `root / line` forget the root; backslashes and drive
    letters (3D60) name nothing here.

    Raises:
        DatasetNotFoundError: If there is no such file.
    """
    if not path.is_file():
        raise DatasetNotFoundError("list", path, "list_file", "the code release that defines it")
    for line in path.read_text().splitlines():
        if words := line.replace("\\", "/").split():
            yield [word.rpartition(":")[2].lstrip("/").removeprefix("./") for word in words]


def select_listed(rows: Sequence[Row], path: Path) -> list[Row]:
    """Keep the rows whose image the list names, in the order of the list.

    A line may name several images (stereo pairs) and labels, its first word is an image. Lists made
    for another root apply as long as a word ends with the path of a row, or the other way round;
    where file names hold 32-digit ids, the name alone decides (trees of Stanford2D3D differ in
    their folders).

    Raises:
        DatasetNotFoundError: If images of the list are not among the rows.
        DataError: If a line fits several rows.
    """
    places = _by_tail(rows)
    chosen: dict[str, Row] = {}
    missing = []
    for words in read_list(path):
        named = [_match(places, word, path) for word in words]
        if named[0] is None:
            missing.append(words[0])
        chosen |= {row.key: row for row in named if row is not None}
    if missing:
        raise DatasetNotFoundError(
            f"{len(missing)} images of {path.name} (first: {missing[0]})",
            rows[0].dataset,
            "root or list_file",
            "complete the data set, or use the list that belongs to it",
        )
    return list(chosen.values())


def _by_tail(rows: Iterable[Row]) -> dict[str, Row | None]:
    """Index rows by every trailing part of their paths; None where several rows share it."""
    places: dict[str, Row | None] = {}
    for row in rows:
        parts = row.image.split("/")
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            places[tail] = None if tail in places else row
    return places


def _match(places: dict[str, Row | None], line: str, path: Path) -> Row | None:
    parts = line.split("/")
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        if tail not in places or (start > 0 and not _identifies(tail, places[tail])):
            continue
        if places[tail] is None:
            raise DataError(f"{path}: {line!r} fits several images of the data set")
        return places[tail]
    return None


def _identifies(tail: str, row: Row | None) -> bool:
    """Tell whether part of a line is enough: a whole path here, or one with a 32-digit id."""
    return row is not None and (tail == row.image or _UUID.search(tail) is not None)
