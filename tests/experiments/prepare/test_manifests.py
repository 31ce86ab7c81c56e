"""The stage lists what is there, split by split, and says how absent data are obtained."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.prepare import manifests
from pano_data.errors import DataError
from pano_data.manifest import read_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

NAME = "structured3d"


def test_one_manifest_per_split_that_holds_samples(tmp_path: Path) -> None:
    scenes = {"train": 2, "test": 1}
    raw, out = tmp_path / "raw", tmp_path / "out"
    miniatures.write(NAME, raw / NAME, scenes=scenes, size=(16, 32), studio=BoxStudio())
    assert manifests.write_manifests(NAME, raw, out) == {"train": 2, "val": 0, "test": 1}
    assert sorted(path.name for path in (out / NAME).iterdir()) == [
        "contents.json",
        "test.parquet",
        "train.parquet",
    ]
    assert [row.split for row in read_manifest(out / NAME / "train.parquet")] == ["train"] * 2
    assert set(json.loads((out / NAME / "contents.json").read_text())) == {"train", "test"}


def test_another_layout_is_refused_with_a_way_to_get_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data/raw" / NAME).mkdir(parents=True)
    with pytest.raises(DataError, match="structured3d"):
        manifests.write_manifests(NAME, tmp_path / "data/raw", tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert manifests.main(NAME) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "data/manifests" / NAME).exists()


def test_a_variant_has_manifests_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DA² trains on all furniture levels, the others on the furnished rooms of the same tree."""
    monkeypatch.chdir(tmp_path)
    raw = Path("data/raw") / NAME
    miniatures.write(NAME, raw, scenes={"train": 2}, size=(16, 32), studio=BoxStudio())
    rooms = sorted(raw.glob("Structured3D/*/2D_rendering/*/panorama/full"))
    for room in rooms:
        for level in ("empty", "simple"):
            shutil.copytree(room, room.with_name(level), dirs_exist_ok=True)
    Path("params.yaml").write_text(
        "datasets:\n  structured3d:\n    variants:\n"
        "      all_furniture: {furniture: [empty, simple, full]}\n"
    )
    assert manifests.main(NAME) == 0
    folder = Path("data/manifests") / NAME
    usual, furnished = (read_manifest(folder / f"train{x}.parquet") for x in ("", "_all_furniture"))
    assert len(furnished) == 3 * len(usual) == 3 * len(rooms)
    assert {row.key.split("/")[2] for row in furnished} == {"empty", "simple", "full"}
    digests = json.loads((folder / "contents.json").read_text())
    assert set(digests) == {"train", "train_all_furniture"}
    assert digests["train"] != digests["train_all_furniture"]


def test_a_data_set_is_listed_without_torch(tmp_path: Path) -> None:
    raw, out = tmp_path / "raw", tmp_path / "out"
    miniatures.write(NAME, raw / NAME, size=(16, 32), studio=BoxStudio())
    code = (
        "import sys; from pathlib import Path; from experiments.prepare import manifests; "
        f"manifests.write_manifests({NAME!r}, Path({str(raw)!r}), Path({str(out)!r})); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert list((out / NAME).glob("*.parquet"))
