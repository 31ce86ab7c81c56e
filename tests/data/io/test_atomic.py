import os

import pytest

from pano_data.io.atomic import replace_atomically, write_bytes


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    write_bytes(tmp_path / "a.bin", b"old")

    def fail():
        with replace_atomically(tmp_path / "a.bin") as temporary:
            temporary.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"old"


def test_the_temporary_name_keeps_the_suffix_and_the_mode_is_ordinary(tmp_path):
    previous = os.umask(0o022)
    try:
        with replace_atomically(tmp_path / "new" / "a.exr") as temporary:
            assert temporary.suffix == ".exr"
            temporary.write_bytes(b"x")
    finally:
        os.umask(previous)
    assert (tmp_path / "new" / "a.exr").stat().st_mode & 0o777 == 0o644
