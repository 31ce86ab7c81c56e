"""`datasets.<id>.options` of params.yaml reach the reader, in manifests and in suites."""

import shutil
from pathlib import Path

import pytest
import yaml

from experiments.benchmark.suites.catalogue import SuiteDataset
from experiments.pipeline import params
from experiments.prepare import manifests
from pano_data.manifest import read_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio

FILLED = {"rgb_folder": "rgb_"}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with Stanford2D3D whose pictures all lie in `rgb_`."""
    root = tmp_path / "data/raw/stanford2d3d"
    miniatures.write("stanford2d3d", root, scenes={"test": 2}, size=(32, 64), studio=BoxStudio())
    for folder in list(root.rglob("rgb")):
        shutil.rmtree(folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _values(options: object) -> None:
    Path("params.yaml").write_text(
        yaml.safe_dump({"datasets": {"stanford2d3d": {"options": options}}})
    )


def test_options_reach_the_manifest(clone: Path) -> None:
    _values(FILLED)
    assert manifests.main("stanford2d3d") == 0
    rows = read_manifest(Path("data/manifests/stanford2d3d/test.parquet"))
    assert len(rows) == 2
    assert all("/rgb_/" in row.image for row in rows)


@pytest.mark.parametrize("options", [None, {}])
def test_without_options_the_usual_folder_is_read(
    options: object, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _values(options)
    assert manifests.main("stanford2d3d") == 2
    assert "data set stanford2d3d" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["rgb_"], "rgb_"])
def test_options_that_are_no_mapping(
    options: object, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _values(options)
    assert manifests.main("stanford2d3d") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: datasets.stanford2d3d.options: got")
    assert said.count("\n") == 1


def test_a_values_file_without_data_sets_has_no_options(clone: Path) -> None:
    Path("params.yaml").write_text("suites: {}\n")
    assert params.reader_options() == {}


def test_options_reach_a_suite(clone: Path) -> None:
    rows = SuiteDataset("stanford2d3d", "test", 2).rows(Path("data/raw"), False, FILLED)
    assert rows is not None
    assert all("/rgb_/" in row.image for row in rows)
