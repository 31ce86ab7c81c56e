"""The stage renders into the place of a data set, and never over data that it did not make."""

from functools import wraps
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.pipeline.params import ParamsError
from experiments.prepare import manifests, worlds
from pano_data import datasets, workers
from pano_data.manifest import read_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

NAME = "structured3d"
SETTINGS: dict[str, Any] = {"scenes": {"train": 1}, "size": [16, 32], "seed": 1}


@pytest.fixture(autouse=True)
def analytic_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes instead of worlds, in this process: what is tested is where they go."""
    write = miniatures.write

    @wraps(write)
    def rooms(*args: Any, **settings: Any) -> None:
        write(*args, **settings | {"workers": 0, "studio": BoxStudio()})

    monkeypatch.setattr(miniatures, "write", rooms)
    monkeypatch.setattr(workers, "start_server", lambda modules: None)


def test_renders_a_tree_that_the_reader_of_the_data_set_reads(tmp_path: Path) -> None:
    target = worlds.render(NAME, tmp_path, **SETTINGS)
    assert target == tmp_path / NAME
    assert (target / worlds.MARKER).is_file()
    assert len(list(datasets.get(NAME).rows(target, "train"))) == 1
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_replaces_its_own_tree_as_a_whole(tmp_path: Path) -> None:
    target = worlds.render(NAME, tmp_path, **SETTINGS)
    (target / "left over").touch()
    worlds.render(NAME, tmp_path, **SETTINGS)
    assert not (target / "left over").exists()


def test_leaves_data_of_the_user_alone(tmp_path: Path) -> None:
    mine = tmp_path / NAME / "Structured3D"
    mine.mkdir(parents=True)
    with pytest.raises(worlds.RealDataError, match="take 'structured3d' out of `worlds`"):
        worlds.render(NAME, tmp_path, **SETTINGS)
    assert mine.is_dir()


def test_wrong_settings_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()  # the signature of the true writer
    monkeypatch.chdir(tmp_path)
    params = {"worlds": {NAME: {"scene": {"train": 1}}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    with pytest.raises(ParamsError, match="scene"):
        worlds.settings_of(NAME)
    with pytest.raises(ParamsError, match=r"expected one of \['structured3d'\]"):
        worlds.settings_of("zind")
    assert worlds.main("zind") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_set_in_a_second_style_has_the_layout_of_its_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entry = {"dataset": NAME, **SETTINGS}
    values = {
        "worlds": {"rooms": entry},
        "datasets": {"rooms": {"dataset": NAME, "train": {}}},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    assert worlds.settings_of("rooms") == entry
    assert worlds.main("rooms") == 0
    assert manifests.main("rooms") == 0
    rows = read_manifest(tmp_path / "data/manifests/rooms/train.parquet")
    assert [row.dataset for row in rows] == [NAME]
    assert (tmp_path / "data/raw/rooms" / rows[0].image).is_file()
