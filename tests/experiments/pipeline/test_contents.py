"""Manifests that stay the same when the files behind them are replaced."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from dvc.repo import Repo
from dvc_data.hashfile import hash

from experiments.pipeline import contents
from experiments.prepare import manifests
from experiments.tracking.run_facts import input_digests
from pano_data.manifest import Row
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
        values[name] = contents.digest_rows([row], tmp_path)
    assert values["one"] != values["two"]
    assert contents.digest_rows([replace(row, image="b.png")], tmp_path) != values["two"]


def test_what_no_stage_noted_is_unknown(tmp_path: Path) -> None:
    assert contents.read_digest(tmp_path / "train.parquet") is None
    contents.write_digests(tmp_path, {"train": "abc"})
    assert contents.read_digest(tmp_path / "train.parquet") == "abc"
    assert contents.read_digest(tmp_path / "val.parquet") is None


def test_a_file_replaced_by_one_of_the_same_size_is_noticed(tmp_path: Path) -> None:
    label: dict[str, Any] = {"depth": "a.exr", "encoding": "exr", "kind": "distance"}
    row = Row(key="a", dataset="d", split="s", scene="a", image="a.png", **label)
    (tmp_path / "a.png").write_bytes(b"picture")
    (tmp_path / "a.exr").write_bytes(b"1234")
    before = contents.digest_rows([row], tmp_path)
    (tmp_path / "a.exr").write_bytes(b"1235")
    assert contents.digest_rows([row], tmp_path) != before


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
    first = contents.digest_files(names, tmp_path)
    assert len(read) == 5
    assert contents.digest_files(names, tmp_path) == first
    assert len(read) == 5
    (tmp_path / "3.png").write_text("3.gif")  # as many bytes
    assert contents.digest_files(names, tmp_path) != first
    assert [Path(path).name for path in read[5:]] == ["3.png"]


def _counted(function: Any, read: list[str]) -> Any:
    def call(path: str, *args: Any, **kwargs: Any) -> Any:
        read.append(path)
        return function(path, *args, **kwargs)

    return call
