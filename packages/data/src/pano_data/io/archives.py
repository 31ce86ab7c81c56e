"""Unpack archives of others without letting them write elsewhere or fill the disk."""

import bz2
import errno
import functools
import gzip
import hashlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from pano_data.errors import CorruptSampleError, DataError, UnsafeArchiveError
from pano_data.io.atomic import replace_file
from pano_data.io.paths import is_inside
from pano_data.progress import track

MAX_RATIO = 200
"""Unpacked over packed size of a whole archive above which it is taken for a bomb."""
FREE_MEMBERS = 10_000
"""Members that any archive may hold."""
BYTES_PER_MEMBER = 32
"""Packed bytes that each further member takes at least: more members are taken for a bomb."""
MAX_HEADER = 1 << 20
"""Bytes of one header of a tar; a longer one is read into memory as a whole."""
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, RuntimeError,
)  # fmt: skip
"""What the decoders of damaged, or encrypted, archives raise."""
_SLACK = 1 << 24
_BLOCK = 1 << 20


def extract(archive: Path | str, destination: Path | str, progress: bool = False) -> list[Path]:
    """Unpack a zip or tar archive (gzip, bzip2, xz) below `destination`.

    The archive is read twice: every member is checked before the first one is written. Members are
    counted and sizes added up while they are listed, so that a bomb costs no more than what is
    allowed, in memory and time. Files appear under their names when complete; existing ones of
    the right size are kept, so an interrupted run resumes.

    Args:
        archive: The archive.
        destination: Folder to unpack into, made if missing.
        progress: Show progress on stderr.

    Returns:
        The files of the archive, in its order.

    Raises:
        UnsafeArchiveError: A member would leave the folder, is a link or a device, or the archive
            unpacks to more than `MAX_RATIO` times its size, or holds more members than fit into it.
        CorruptSampleError: The archive is missing, damaged or of another kind.
        OSError: The destination cannot be written, for example because the disk is full.
    """
    archive, destination = Path(archive), Path(destination)
    try:
        members = _zip_members if zipfile.is_zipfile(archive) else _tar_members
        _check_size(members(archive), archive)
        todo = track(members(archive), f"unpacking {archive.name}", shown=progress)
        return [_write_one(member, destination) for member in todo]
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

    def __init__(self, name: str, size: int, archive: Path, read: Callable[[], IO[bytes]]) -> None:
        path = PurePosixPath(name.replace("\\", "/"))
        drive = ":" in (path.parts or (":",))[0]
        if drive or not is_inside(name):
            raise UnsafeArchiveError(f"{archive}: member {name!r} would be written elsewhere")
        if size < 0:
            raise UnsafeArchiveError(f"{archive}: member {name!r} has {size} bytes")
        self.path, self.size, self.open = path, size, read


def _zip_members(archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:  # its directory is not compressed
        for info in file.infolist():
            if stat.S_ISLNK(info.external_attr >> 16):
                raise UnsafeArchiveError(f"{archive}: member {info.filename!r} is a link")
            if not info.is_dir():
                read = functools.partial(file.open, info)
                yield _Member(info.filename, info.file_size, archive, read)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with (
        _opened(archive) as unpacked,
        tarfile.open(fileobj=_Limited(unpacked, archive), mode="r:") as tar,  # type: ignore[call-overload]
    ):
        while (info := tar.next()) is not None:
            if not (info.isfile() or info.isdir()):
                raise UnsafeArchiveError(f"{archive}: member {info.name!r} is a link or a device")
            read = functools.partial(_stream, tar, info)
            member = _Member(info.name, info.size, archive, read)
            if info.isfile():
                yield member
            tar.members = []  # it remembers every member, a kilobyte each
        # The checksum of a compressed stream stands behind its end.
        while tar.fileobj is not None and tar.fileobj.read(_BLOCK):
            pass


def _stream(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    stream = tar.extractfile(info)
    assert stream is not None  # regular files have one
    return stream


def _opened(archive: Path) -> IO[bytes]:
    """Open a tar under its compression, recognised by its first bytes."""
    with archive.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.open(archive))
    if head.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.open(archive))
    if head.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
        return cast("IO[bytes]", lzma.open(archive))
    return archive.open("rb")


class _Limited:
    """The bytes of a tar, up to `MAX_RATIO` times its packed size.

    `tarfile` reads the header of a member, whatever length it claims, into memory.
    """

    def __init__(self, unpacked: IO[bytes], archive: Path) -> None:
        self.unpacked, self.archive = unpacked, archive
        self.limit = _allowed(archive)

    def read(self, size: int) -> bytes:
        """Read at most one header, or one block of a file."""
        if size > max(MAX_HEADER, _BLOCK):
            raise UnsafeArchiveError(f"{self.archive}: a header has {size} bytes")
        data = self.unpacked.read(size)
        self._check(self.tell())
        return data

    def seek(self, position: int) -> int:
        """Go to a place, where that is within what may be unpacked."""
        self._check(position)
        return self.unpacked.seek(position)

    def tell(self) -> int:
        """Return how much was unpacked."""
        return self.unpacked.tell()

    def _check(self, position: int) -> None:
        if position > self.limit:
            packed = self.archive.stat().st_size
            raise UnsafeArchiveError(
                f"{self.archive}: {packed} bytes would unpack to {position} or more"
            )


def _allowed(archive: Path) -> int:
    return MAX_RATIO * archive.stat().st_size + _SLACK


def _check_size(members: Iterable[_Member], archive: Path) -> None:
    """Refuse an archive that unpacks to too many bytes or members; read no further than that."""
    packed, allowed, unpacked = archive.stat().st_size, _allowed(archive), 0
    most = FREE_MEMBERS + packed // BYTES_PER_MEMBER
    for number, member in enumerate(members, 1):
        unpacked += member.size
        if unpacked > allowed:
            raise UnsafeArchiveError(f"{archive}: {packed} bytes would unpack to {unpacked}")
        if number > most:
            raise UnsafeArchiveError(
                f"{archive}: {packed} bytes hold more than {most} members, expected fewer"
            )


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
