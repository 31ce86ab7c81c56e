import bz2
import gzip
import hashlib
import io
import os
import random
import tarfile
import tracemalloc
import zipfile

import pytest

from pano_data.errors import CorruptSampleError, DataError, UnsafeArchiveError
from pano_data.io.archives import _check_size, _Member, _tar_members, extract, join_parts


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def make_tar(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_unpacks_and_resumes_where_it_stopped(tmp_path, make):
    archive = make(tmp_path / "a.archive", {"d/one.txt": b"1", "./two.txt": b"22"})
    files = extract(archive, tmp_path / "out")
    assert [p.read_bytes() for p in files] == [b"1", b"22"]
    files[0].write_bytes(b"x")  # same size: kept
    files[1].write_bytes(b"")  # cut: written again
    extract(archive, tmp_path / "out")
    assert [p.read_bytes() for p in files] == [b"x", b"22"]
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == ["d", "one.txt", "two.txt"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:/evil"])
def test_members_that_leave_the_folder(tmp_path, make, name):
    archive = make(tmp_path / "a.archive", {"good": b"1", name: b"2"})
    with pytest.raises(UnsafeArchiveError, match="would be written elsewhere"):
        extract(archive, tmp_path / "deep" / "out")
    assert not (tmp_path / "deep").exists()  # nothing was written, the good one neither


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        info = tarfile.TarInfo("innocent")
        info.type, info.linkname = kind, "/etc/passwd"
        file.addfile(info)
    with pytest.raises(UnsafeArchiveError, match="link or a device"):
        extract(tmp_path / "a.tar", tmp_path / "out")


def test_links_in_zips(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        info = zipfile.ZipInfo("innocent")
        info.external_attr = 0o120777 << 16
        file.writestr(info, "/etc/passwd")
    with pytest.raises(UnsafeArchiveError, match="is a link"):
        extract(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_bombs(tmp_path, make):
    archive = make(tmp_path / "a.archive", {"zeros": bytes(60_000_000)})
    assert archive.stat().st_size < 100_000
    with pytest.raises(UnsafeArchiveError, match="would unpack to 60000000"):
        extract(archive, tmp_path / "out")


def many_members(path, count, kind="gz"):
    """A tar of as many empty files; equal headers are packed to almost nothing."""
    info = tarfile.TarInfo("a" * 60)
    block = info.tobuf()
    with gzip.open(path, "wb") if kind == "gz" else bz2.open(path, "wb") as file:
        for _ in range(count // 1000):
            file.write(block * 1000)
        file.write(bytes(1024))
    return path


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_more_members_than_fit_are_refused_before_memory_is_gone(tmp_path, kind):
    archive = many_members(tmp_path / "a.tar", 400_000, kind)
    packed = archive.stat().st_size
    assert packed < 1_000_000
    tracemalloc.start()
    with pytest.raises(UnsafeArchiveError, match=r"hold more than|would unpack to"):
        extract(archive, tmp_path / "out")
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert not (tmp_path / "out").exists()


def test_a_header_that_claims_the_whole_memory(tmp_path):
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 1 << 26
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.PAX_FORMAT) + bytes(1 << 26))
    with pytest.raises(UnsafeArchiveError, match="a header has 67108864 bytes"):
        extract(tmp_path / "a.tar.gz", tmp_path / "out")


def test_a_stream_without_end_is_left_early(tmp_path):
    """A member of a terabyte, of which only the header is there; a tail of zeros behind the end."""
    info = tarfile.TarInfo("a")
    info.size = 1 << 40
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(UnsafeArchiveError, match="would unpack to 1099511627776"):
        extract(tmp_path / "a.tar.gz", tmp_path / "out")
    with gzip.open(tmp_path / "b.tar.gz", "wb") as file:
        file.write(bytes(60_000_000))
    with pytest.raises(UnsafeArchiveError, match="or more"):
        extract(tmp_path / "b.tar.gz", tmp_path / "out")


def test_many_small_files_of_real_data_pass(tmp_path):
    noise = random.Random(0)
    members = {f"scene_{n:05}/rgb.png": noise.randbytes(40) for n in range(12_000)}
    archive = make_tar(tmp_path / "a.tar.gz", members)
    _check_size(_tar_members(archive), archive)


@pytest.mark.parametrize("name", ["a\0b", ""])
def test_names_that_no_file_has(tmp_path, name):
    def read():
        return io.BytesIO()

    with pytest.raises(UnsafeArchiveError, match="elsewhere"):
        _Member(name, 1, tmp_path, read)


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_damaged_archives(tmp_path, make):
    archive = make(tmp_path / "a.archive", {"noise": os.urandom(5000)})
    archive.write_bytes(archive.read_bytes()[:2500])
    with pytest.raises(CorruptSampleError, match="damaged archive"):
        extract(archive, tmp_path / "out")
    assert not list((tmp_path).rglob("noise*"))
    with pytest.raises(CorruptSampleError, match="missing"):
        extract(tmp_path / "none.zip", tmp_path / "out")


@pytest.mark.parametrize("kind", ["zip", "gz", "bz2", "xz"])
def test_a_few_damaged_bytes_are_found(tmp_path, kind):
    """Compressed streams carry checksums: nothing wrong is unpacked without a word."""
    noise = random.Random(0)
    members = {f"{n}.bin": noise.randbytes(400) + bytes(2000) for n in range(3)}
    path = tmp_path / "a.archive"
    archive = make_zip(path, members) if kind == "zip" else make_tar(path, members, f"w:{kind}")
    data, found = archive.read_bytes(), 0
    for seed in range(60):
        rng, damaged = random.Random(seed), bytearray(data)
        damaged[rng.randrange(20, len(data))] ^= 1 << rng.randrange(8)
        archive.write_bytes(damaged)
        try:
            files = extract(archive, tmp_path / f"out{seed}")
        except (CorruptSampleError, UnsafeArchiveError):
            found += 1
        else:
            assert [f.read_bytes() for f in files] == list(members.values())
    assert found > 40


def test_a_destination_that_cannot_be_written_is_not_a_damaged_archive(tmp_path):
    archive = make_zip(tmp_path / "a.zip", {"one.txt": b"1"})
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        extract(archive, tmp_path / "out")


def test_parts_are_joined_in_name_order(tmp_path):
    for name, data in (("part_ab", b"world"), ("part_aa", b"hello ")):
        (tmp_path / name).write_bytes(data)
    md5 = hashlib.md5(b"hello world").hexdigest()
    assert join_parts(tmp_path, tmp_path / "a.tar.gz", md5).read_bytes() == b"hello world"
    with pytest.raises(DataError, match="a part is missing or damaged"):
        join_parts(tmp_path, tmp_path / "b.tar.gz", "0" * 32)
    assert not (tmp_path / "b.tar.gz").exists()
    with pytest.raises(DataError, match=r"no part_\* files"):
        join_parts(tmp_path / "none", tmp_path / "c.tar.gz")
