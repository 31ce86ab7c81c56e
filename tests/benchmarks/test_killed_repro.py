from pathlib import Path

import pytest

from benchmarks.killed_repro.__main__ import half_written
from pano_data.io import atomic


@pytest.mark.parametrize("name", [".a.png.x1y2.part.png", "a.npz.part", "b.ckpt.tmp", "c.partial"])
def test_a_half_written_file_is_seen(tmp_path: Path, name: str) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / name).touch()
    (tmp_path / "labels" / "a.png").touch()
    assert half_written(tmp_path) == (f"labels/{name}",)


def test_what_our_own_writer_leaves_when_it_is_killed_is_seen(tmp_path: Path) -> None:
    with atomic.replace_file(tmp_path / "a.png") as part:
        part.touch()
        assert len(half_written(tmp_path)) == 1  # as a killed process leaves it
    assert half_written(tmp_path) == ()
