"""Write a file so that its name never stands for half of it.

As `pano_data.io.atomic` does, which this package may not import. A home below both would be
`pano_geometry`, and whatever writes a line of JSON would import torch with it. One test holds both
to the same behaviour (`tests/test_whole_files.py`).
"""

import errno
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

BLOCK = 4096  # bytes: where not even these can be added, there is no space
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replace_file(path: str | PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which becomes `path` when the block ends well.

    The file is flushed to disk, renamed, and its folder flushed. If the block raises, the temporary
    file is removed and the old one stays.

    Args:
        path: The final name. Missing folders are made.

    Yields:
        The name to write to: same folder, same suffix, hidden.

    Raises:
        OSError: The folder or the file cannot be written; `ENOSPC` where the disk is full, also
            when the library that wrote did not say so.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
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
    _flush(path.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_full(error: Exception, temporary: Path) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    if number := re.search(r"\(os error (\d+)\)", str(error)):  # as libraries in Rust say it
        return int(number[1]) in FULL
    try:  # torch reports no more than a short write: try to add to it
        with temporary.open("ab") as file:
            file.write(bytes(BLOCK))
    except OSError as found:
        return found.errno in FULL
    return False
