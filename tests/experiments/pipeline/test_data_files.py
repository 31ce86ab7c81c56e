"""Manifests that stay the same when the files behind them are replaced."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc.repo import Repo
from dvc_data.hashfile import hash

from experiments.pipeline import data_files
from experiments.pipeline.data_files import NOTE, check_data_files
from experiments.prepare import manifests
from experiments.tracking.run_facts import input_digests
from pano_data import DataError, Row, read_manifest, write_manifest
from pano_data.io.encode import write_png
from pano_worlds import miniatures

NAME = "matterport3d_unifuse"  # a layout without poses: nothing in its rows depends on the world


def written(folder: Path, seed: int) -> dict[str, str]:
    miniatures.write(
        NAME, folder / "raw" / NAME, seed=seed, scenes={"train": 1}, size=(32, 64)
    )  # fmt: skip
    manifests.write_manifests(NAME, folder / "raw", folder / "manifests")
    source = {"manifest": f"manifests/{NAME}/train.parquet", "root": f"raw/{NAME}"}
    return input_digests({"data": {"train": {"a": source}}, "model": {}})


def test_other_pictures_in_the_same_rows_are_another_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for seed, name in ((1, "one"), (2, "two"), (1, "again")):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        found.append(written(Path(), seed))
    one, two, again = found
    manifest = f"manifests/{NAME}/train.parquet"
    assert one[manifest] == two[manifest]  # why the files are looked at
    assert {k for k in one if one[k] != two[k]} == {f"{manifest} (contents.json)"}
    assert one == again


def test_masks_count_by_their_bytes_and_missing_files_as_missing(tmp_path: Path) -> None:
    row = Row(key="a", dataset="d", split="s", scene="a", image="a.png", mask="m.png")
    values: dict[str, Any] = {}
    for name, mask in (("one", b"ab"), ("two", b"ba")):
        (tmp_path / "m.png").write_bytes(mask)
        values[name] = data_files.digest_rows([row], tmp_path)
    assert values["one"] != values["two"]
    assert data_files.digest_rows([replace(row, image="b.png")], tmp_path) != values["two"]


def test_what_no_stage_noted_is_unknown(tmp_path: Path) -> None:
    assert data_files.read_digest(tmp_path / "train.parquet") is None
    data_files.write_digests(tmp_path, {"train": "abc"})
    assert data_files.read_digest(tmp_path / "train.parquet") == "abc"
    assert data_files.read_digest(tmp_path / "val.parquet") is None


def test_a_file_replaced_by_one_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    label: dict[str, Any] = {"depth": "a.exr", "encoding": "exr", "kind": "distance"}
    row = Row(key="a", dataset="d", split="s", scene="a", image="a.png", **label)
    (tmp_path / "a.png").write_bytes(b"picture")
    (tmp_path / "a.exr").write_bytes(b"1234")
    before = data_files.digest_rows([row], tmp_path)
    (tmp_path / "a.exr").write_bytes(b"1235")
    assert data_files.digest_rows([row], tmp_path) != before


def test_in_a_pipeline_no_untouched_file_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.chdir(tmp_path)
    Repo.init(no_scm=True).close()
    names = [f"{number}.png" for number in range(5)]
    for name in names:
        (tmp_path / name).write_text(name)
    read: list[str] = []
    monkeypatch.setattr(hash, "_hash_file", _counted(hash._hash_file, read))
    first = data_files.digest_files(names, tmp_path)
    assert len(read) == 5
    assert data_files.digest_files(names, tmp_path) == first
    assert len(read) == 5
    (tmp_path / "3.png").write_text("3.gif")  # as many bytes
    assert data_files.digest_files(names, tmp_path) != first
    assert [Path(path).name for path in read[5:]] == ["3.png"]


def _counted(function: Any, read: list[str]) -> Any:
    def call(path: str, *args: Any, **kwargs: Any) -> Any:
        read.append(path)
        return function(path, *args, **kwargs)

    return call


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
    digest = data_files.digest_rows(read_manifest("train.parquet"), Path("raw"))
    data_files.write_digests(Path(), {"train": digest})
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
