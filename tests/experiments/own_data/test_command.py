"""`panodepth train` as its user calls it: one real training of two steps, and what is refused."""

import json
import shutil
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import yaml

import pano_models
from experiments.own_data.command import main
from pano_data.io.encode import write_png
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from panodepth.cli import Subcommand

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five panoramas with 16-bit depth in millimetres."""
    folder = tmp_path_factory.mktemp("rooms")
    miniatures.write(
        "folder_depth", folder, scenes={"all": 5}, views=1, size=(64, 128), studio=BoxStudio()
    )
    for path in folder.rglob("*.npy"):
        write_png(path.with_suffix(".png"), np.rint(np.load(path) * 1000).astype(np.uint16))
        path.unlink()
    return folder


@pytest.fixture(autouse=True)
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    return tmp_path


def train(rooms: Path, *more: str, out: str = "runs/mine") -> int:
    return main([str(rooms / "images"), str(rooms / "depth"), "--out", out, *more])


def test_a_network_of_the_box_is_fine_tuned_and_never_written_over(
    rooms: Path, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--units", "1000", "--steps", "2", "--size", "64", "128", "--batch-size", "2"]
    quiet = ["--set", "trainer.enable_progress_bar=false", "--set", "panels=0"]
    assert train(rooms, *words, *quiet, "--samples", "2") == 0
    told = capsys.readouterr().out
    assert "5 pairs: 4 to train on, 1 held out" in told
    assert "held out (1), AbsRel under da2_paper: " in told
    config = yaml.safe_load((clone / "runs/mine/config.yaml").read_text())
    assert config["trainer"]["max_steps"] == 2
    assert config["model"]["init_args"]["scheduler"]["init_args"]["total_steps"] == 2
    assert json.loads((clone / "runs/mine/config.json").read_text())["native_size"] == [64, 128]
    tuned, first = (pano_models.load(model).state_dict() for model in ("runs/mine", "pano_small"))
    assert any(not tuned[key].equal(first[key]) for key in first)
    norms = [key for key in first if key.endswith("running_mean")]
    assert norms
    assert all(tuned[key].equal(first[key]) for key in norms)  # statistics stay
    assert train(rooms, *words) == 2
    assert "runs/mine holds a finished model already" in capsys.readouterr().err


def test_wrong_units_stop_before_the_training(
    rooms: Path, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(rooms, "--units", "1") == 1
    told = capsys.readouterr().out
    assert "FAIL range" in told
    assert "--units 1000 makes it" in told
    assert not (clone / "runs").exists()


def test_whole_numbers_need_a_unit(rooms: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(rooms) == 2
    assert "expected --units" in capsys.readouterr().err


def test_files_without_a_partner_are_named(
    rooms: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own"
    shutil.copytree(rooms, own)
    next(own.rglob("*.png")).rename(own / "depth/other.png")
    assert train(own, "--units", "1000", "--audit-only", "--samples", "1") == 0
    told = capsys.readouterr().out
    assert "left out, no picture of this name: depth/other.png" in told
    assert "left out, no depth map of this name: images/" in told
    assert "4 pairs" in told


def test_an_output_of_the_pipeline_is_refused(
    rooms: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert train(rooms, "--units", "1000", out=str(ROOT / "runs/da2/mine")) == 2
    assert "runs/da2 (dvc.yaml)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--steps", "0"], "--steps is 0, expected more than 0"),
        (["--units", "-1"], "--units is -1.0, expected more than 0"),
        (["--size", "5", "7"], "--size is 5 7, expected a height from 16 on and a width of twice"),
        (["--set", "trainer.devices"], "expected KEY=VALUE"),
        (["--masks", "nowhere"], "--masks nowhere is no folder"),
        (["--units", "1000", "--kind", "z"], "got kind=z for panoramas"),
        (["--units", "1000", "--model", "runs/none", "--samples", "1"], "no folder runs/none"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    more: list[str], said: str, rooms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(rooms, *more) == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_misspelt_model_is_told_before_the_pairs_are_looked_at(
    rooms: Path, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(rooms, "--units", "1000", "--model", "pano_smal") == 2
    out, err = capsys.readouterr()
    assert "is pano_small meant?" in err
    assert out == ""
    assert train(rooms, "--units", "1000", "--model", "none", "--audit-only", "--samples", "1") == 0


def test_a_folder_without_values_is_told_before_the_pairs_are_looked_at(
    rooms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert train(rooms, "--units", "1000") == 2
    out, err = capsys.readouterr()
    assert "got no params.yaml in" in err
    assert out == ""


def test_folders_without_a_pair_are_named(
    rooms: Path, clone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty), str(rooms / "depth"), "--out", "runs/none", "--units", "1000"]) == 2
    told = capsys.readouterr().err
    assert f"no picture below {empty} has a depth map of its name below" in told
    assert "a.jpg with a.png" in told
    assert "miniatures" not in told


def test_both_names_of_the_command_lead_here() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"panodepth-train": "experiments.own_data.command:main"}
    point = project["entry-points"]["panodepth.commands"]["train"]
    command = EntryPoint("train", point, "panodepth.commands").load()
    assert isinstance(command, Subcommand)
    assert command.module == "experiments.own_data.command"
