"""Files appear under their final name whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOCK = 4096  # bytes: with less a disk is full


def flush(path: Path) -> None:
    """Puts a file or folder on disk; a rename survives a power cut only when its folder is there too."""
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
        OSError: The folder or the file cannot be written; `ENOSPC` where the disk is full, also when the
            library that wrote did not say so.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        flush(temporary)
        temporary.replace(path)
    except OSError as error:
        if error.errno is None and shutil.disk_usage(path.parent).free < BLOCK:
            reason = os.strerror(errno.ENOSPC)  # NumPy tells of a short write only
            raise OSError(errno.ENOSPC, reason, str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)
    flush(path.parent)
