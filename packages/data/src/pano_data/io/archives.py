"""Unpack archives of others without letting them write elsewhere or fill the disk."""

import errno
import gzip
import hashlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from pano_data.errors import CorruptSampleError, DataError, UnsafeArchiveError
from pano_data.io.atomic import replace_file
from pano_data.progress import track

MAX_RATIO = 200
"""Unpacked over packed size of a whole archive above which it is taken for a bomb."""
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
"""What the decoders of damaged, or encrypted, archives raise."""
_SLACK = 1 << 24
_BLOCK = 1 << 20


def extract(archive: Path | str, destination: Path | str, progress: bool = False) -> list[Path]:
    """Unpack a zip or tar archive (gzip, bzip2, xz) below `destination`.

    Every member is checked before the first one is written. Files appear under their names when
    complete; existing ones of the right size are kept, so an interrupted run resumes.

    Args:
        archive: The archive.
        destination: Folder to unpack into, made if missing.
        progress: Show progress on stderr.

    Returns:
        The files of the archive, in its order.

    Raises:
        UnsafeArchiveError: A member would leave the folder, is a link or a device, or the archive
            unpacks to more than `MAX_RATIO` times its size.
        CorruptSampleError: The archive is missing, damaged or of another kind.
        OSError: The destination cannot be written, for example because the disk is full.
    """
    archive, destination = Path(archive), Path(destination)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                return _write(archive, destination, list(_zip_members(file, archive)), progress)
        with tarfile.open(archive) as tar:
            return _write(archive, destination, list(_tar_members(tar, archive)), progress)
    except FileNotFoundError as error:
        raise CorruptSampleError(archive, "missing", str(error)) from error
    except (*_DAMAGED, OSError) as error:
        # Damaged bzip2 has no number, damaged offsets of a zip seek before its start.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise CorruptSampleError(archive, "damaged archive", str(error)) from error


def join_parts(folder: Path | str, target: Path | str, md5: str | None = None) -> Path:
    """Concatenate `part_*` files in name order, as large releases are split.

    Args:
        folder: Holds `part_aa`, `part_ab` and so on.
        target: The archive to write.
        md5: Expected checksum in hexadecimal.

    Raises:
        DataError: If there is no part, or the checksum differs (nothing is written then).
    """
    parts = sorted(Path(folder).glob("part_*"))
    if not parts:
        raise DataError(f"{folder} holds no part_* files; download them first")
    digest = hashlib.md5(usedforsecurity=False)
    with replace_file(Path(target)) as temporary:
        with temporary.open("wb") as out:
            for part in parts:
                with part.open("rb") as source:
                    while block := source.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
        if md5 is not None and digest.hexdigest() != md5.lower():
            raise DataError(
                f"{target}: checksum of {len(parts)} parts is {digest.hexdigest()}, "
                f"expected {md5}; a part is missing or damaged"
            )
    return Path(target)


class _Member:
    """One file of an archive: where it goes, its size, and how to read it."""

    def __init__(self, name: str, size: int, archive: Path) -> None:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in (path.parts or (":",))[0]:
            raise UnsafeArchiveError(f"{archive}: member {name!r} would be written elsewhere")
        self.path = path
        self.size = size

    def open(self) -> IO[bytes]:
        raise NotImplementedError


class _ZipMember(_Member):
    def __init__(self, file: zipfile.ZipFile, info: zipfile.ZipInfo, archive: Path) -> None:
        super().__init__(info.filename, info.file_size, archive)
        self.file, self.info = file, info

    def open(self) -> IO[bytes]:
        return self.file.open(self.info)


class _TarMember(_Member):
    def __init__(self, file: tarfile.TarFile, info: tarfile.TarInfo, archive: Path) -> None:
        super().__init__(info.name, info.size, archive)
        self.file, self.info = file, info

    def open(self) -> IO[bytes]:
        stream = self.file.extractfile(self.info)
        assert stream is not None  # regular files have one
        return stream


def _zip_members(file: zipfile.ZipFile, archive: Path) -> Iterator[_Member]:
    for info in file.infolist():
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnsafeArchiveError(f"{archive}: member {info.filename!r} is a link")
        if not info.is_dir():
            yield _ZipMember(file, info, archive)


def _tar_members(file: tarfile.TarFile, archive: Path) -> Iterator[_Member]:
    for info in file:
        if not (info.isfile() or info.isdir()):
            raise UnsafeArchiveError(f"{archive}: member {info.name!r} is a link or a device")
        if info.isfile():
            yield _TarMember(file, info, archive)
    # The checksum of a compressed stream stands behind its end.
    while file.fileobj is not None and file.fileobj.read(_BLOCK):
        pass


def _write(archive: Path, destination: Path, members: list[_Member], progress: bool) -> list[Path]:
    unpacked, packed = sum(member.size for member in members), archive.stat().st_size
    if unpacked > MAX_RATIO * packed + _SLACK:
        raise UnsafeArchiveError(f"{archive}: {packed} bytes would unpack to {unpacked}")
    todo = track(members, f"unpacking {archive.name}", shown=progress)
    return [_write_one(member, destination) for member in todo]


def _write_one(member: _Member, destination: Path) -> Path:
    target = destination / member.path
    if not (target.is_file() and target.stat().st_size == member.size):
        with (
            replace_file(target) as temporary,
            member.open() as source,
            temporary.open("wb") as out,
        ):
            shutil.copyfileobj(source, out, _BLOCK)
    return target
