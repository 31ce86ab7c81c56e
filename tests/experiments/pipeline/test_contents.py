"""Manifests that stay the same when the files behind them are replaced."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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
        values[name] = contents.digest([row], tmp_path)
    assert values["one"] != values["two"]
    assert contents.digest([replace(row, image="b.png")], tmp_path) != values["two"]


def test_what_no_stage_noted_is_unknown(tmp_path: Path) -> None:
    assert contents.noted(tmp_path / "train.parquet") is None
    contents.note(tmp_path, {"train": "abc"})
    assert contents.noted(tmp_path / "train.parquet") == "abc"
    assert contents.noted(tmp_path / "val.parquet") is None
