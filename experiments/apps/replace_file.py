"""Files appear under their final name whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`, which becomes `path` when the block ends well.

    The temporary file is flushed to disk before it is renamed, and removed if the block raises
    (full disk, no permission, interrupt), so a reader never meets a half-written file.

    Args:
        path: The final name. Missing folders are made.

    Yields:
        The name to write to: same folder, same suffix, hidden.

    Raises:
        OSError: The folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync(path.parent)
