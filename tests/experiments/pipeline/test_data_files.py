"""A training resumes on the files that it began with, or not at all."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.pipeline import contents
from experiments.pipeline.data_files import NOTE, check_data_files
from pano_data import DataError, Row, read_manifest, write_manifest
from pano_data.io.encode import write_png


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Three pictures and a folder of shards; a state with a checkpoint, which began with them."""
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        write_png(Path(f"raw/{number}.png"), np.full((4, 8, 3), number, np.uint8))
    rows = [Row(key=n, dataset="d", split="train", scene=n, image=f"{n}.png") for n in "012"]
    write_manifest("train.parquet", rows)
    Path("shards").mkdir()
    Path("shards/chunk-0.bin").write_bytes(b"abc")
    Path("shards/index.json").write_text('{"chunks": [{"filename": "chunk-0.bin"}]}')
    source = {"manifest": "train.parquet", "root": "raw", "shards": None}
    shards = {"init_args": {"manifest": None, "root": None, "shards": "shards"}}
    found: dict[str, Any] = {"train": {"a": source, "b": shards}, "val": {"a": source}}
    found["unlabelled"] = None
    check_data_files(Path("state"), found)
    Path("state/last.ckpt").write_bytes(b"")
    return found


def newer(path: str) -> None:
    os.utime(path, ns=(10**18, 10**18))


def test_the_same_files_resume(data: dict[str, Any]) -> None:
    before = Path("state", NOTE).read_bytes()
    check_data_files(Path("state"), data)
    assert Path("state", NOTE).read_bytes() == before


@pytest.mark.parametrize("name", ["raw/1.png", "shards/chunk-0.bin"])
@pytest.mark.parametrize("how", ["gone", "longer", "newer"])
def test_another_file_is_refused_by_name(name: str, how: str, data: dict[str, Any]) -> None:
    path = Path(name)
    size = path.stat().st_size
    if how == "gone":
        path.unlink()
    elif how == "longer":
        path.write_bytes(path.read_bytes() + b"x")
    else:
        newer(name)
    told = {"gone": "is gone", "longer": f"had {size} bytes, has {size + 1}", "newer": "is newer"}
    before = Path("state", NOTE).read_bytes()
    with pytest.raises(DataError, match=f"cannot resume: 1 of . files of .*{name} {told[how]}"):
        check_data_files(Path("state"), data)
    assert Path("state", NOTE).read_bytes() == before


def test_without_a_checkpoint_nothing_is_lost(data: dict[str, Any]) -> None:
    Path("state/last.ckpt").unlink()
    newer("raw/1.png")
    check_data_files(Path("state"), data)
    Path("state/last.ckpt").write_bytes(b"")
    check_data_files(Path("state"), data)


@pytest.mark.parametrize("same", [True, False])
def test_where_a_stage_noted_contents_they_decide(same: bool, data: dict[str, Any]) -> None:
    digest = contents.digest_rows(read_manifest("train.parquet"), Path("raw"))
    contents.write_digests(Path(), {"train": digest})
    if not same:
        Path("raw/1.png").write_bytes(Path("raw/1.png").read_bytes()[:-1] + b"x")
    newer("raw/1.png")
    if not same:
        with pytest.raises(DataError, match=r"raw/1\.png is newer"):
            check_data_files(Path("state"), data)
        return
    check_data_files(Path("state"), data)
    Path("contents.json").unlink()
    check_data_files(Path("state"), data)  # the new time is noted


def test_many_files_stay_in_the_order_of_the_manifest(data: dict[str, Any]) -> None:
    rows = [Row(key=f"{n:05}", dataset="d", split="s", scene="s", image=f"m/{n:05}.png")
            for n in range(9000)]  # fmt: skip
    write_manifest("many.parquet", rows)
    Path("raw/m").mkdir()
    for number in (0, 4095, 4096, 8999):
        Path(f"raw/m/{number:05}.png").write_bytes(bytes(number))
    many = {"train": {"a": {"manifest": "many.parquet", "root": "raw", "shards": None}}}
    check_data_files(Path("state2"), many)
    with np.load(Path("state2", NOTE)) as note:
        (stamps,) = note.values()
    assert np.flatnonzero(stamps[:, 0] >= 0).tolist() == [0, 4095, 4096, 8999]
    assert stamps[[0, 4095, 4096, 8999], 0].tolist() == [0, 4095, 4096, 8999]
