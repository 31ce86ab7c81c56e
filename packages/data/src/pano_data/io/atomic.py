"""Write a file so that its name never stands for half of it.

`pano_models.storage.whole_file` does the same for what may not import this package.
"""

import errno
import json
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

BLOCK = 4096  # bytes: where not even these can be added, there is no space
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FLUSHING: ContextVar[bool] = ContextVar("flushing", default=True)


@contextmanager
def without_flush() -> Iterator[None]:
    """Leave it to the operating system when files reach the disk.

    For trees of small files that are renamed as a whole when all are there: waiting for the disk
    5 ms per file takes longer than making them. Call `os.sync` before the tree gets its name.
    """
    token = _FLUSHING.set(False)
    try:
        yield
    finally:
        _FLUSHING.reset(token)


@contextmanager
def replace_file(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which becomes `path` when the block ends well.

    The file is flushed to disk, renamed, and its folder flushed: a reader sees the old file or the
    new one, also after a power cut. If the block raises (full disk, no permission, interrupt), the
    temporary file is removed and the old one stays.

    Args:
        path: The final name. Missing folders are made.

    Yields:
        The name to write to: same folder, same suffix (encoders look at it), hidden.

    Raises:
        OSError: The folder or the file cannot be written; `ENOSPC` where the disk is full, also
            when the library that wrote did not say so.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
    except Exception as error:
        if _is_full(error, temporary):
            raise OSError(
                errno.ENOSPC,
                "No space left on device, nothing was written; free some, or write elsewhere",
                str(path),
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    flush(path.parent)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write bytes under their final name in one step."""
    with replace_file(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text."""
    write_bytes(path, text.encode())


def write_json(
    path: Path | str, value: object, indent: int | None = 1, sort_keys: bool = True
) -> None:
    """Write JSON that ends with a line break."""
    write_text(path, json.dumps(value, indent=indent, sort_keys=sort_keys) + "\n")


def flush(path: Path | str) -> None:
    """Put a file or a folder on disk; a rename lasts only when its folder is there too.

    Within `without_flush` nothing is done.
    """
    if not _FLUSHING.get():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_parts(path: Path | str) -> None:
    """Remove what killed writers of `path` left; only where no other process writes it now."""
    path = Path(path)
    for part in path.parent.glob(f".{path.stem}.*.part{path.suffix}"):
        part.unlink(missing_ok=True)


def remove_all_parts(folder: Path | str, suffix: str) -> None:
    """Remove what killed writers of files with a suffix left below a folder.

    Only where no other process writes such files now.
    """
    for part in Path(folder).rglob(f".*.part{suffix}"):
        part.unlink(missing_ok=True)


def _is_full(error: Exception, temporary: Path) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    if number := re.search(r"\(os error (\d+)\)", str(error)):  # as libraries in Rust say it
        return int(number[1]) in FULL
    try:  # NumPy and torch report no more than a short write: try to add to it
        with temporary.open("ab") as file:
            file.write(bytes(BLOCK))
    except OSError as found:
        return found.errno in FULL
    return False
