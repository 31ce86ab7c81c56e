"""Perspective pictures of one's own: as panoramas, and through a training."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pano_models
from experiments.own_data.command import main
from experiments.own_data.pairs import LiftedPairs, find_pairs
from pano_data.errors import CorruptSampleError
from pano_data.io.encode import write_png

ROOT = Path(__file__).parents[3]
WALL_M = 3.0


@pytest.fixture
def walls(tmp_path: Path) -> Path:
    """Five pictures, 90 degrees wide, of a wall that is 3 m away along the axis."""
    rng = np.random.default_rng(0)
    for i in range(5):
        picture = np.repeat(np.repeat(rng.integers(0, 256, (8, 8, 3)), 8, 0), 8, 1)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"photos/{i}.jpg")
        depth = np.full((64, 64), WALL_M * 1000, np.uint16)
        depth[:4] = 0
        write_png(tmp_path / f"depth/{i}.png", depth)
    return tmp_path


def lifted(walls: Path, quarantine: Path | None = None) -> LiftedPairs:
    options = {"kind": "z", "fov_x_deg": 90.0, "units_per_metre": 1000.0, "held_out": 0.2}
    pairs = find_pairs(walls / "photos", walls / "depth", None, walls / "state", options)
    source = pairs.source("rest", (64, 128))["dataset"]["init_args"]
    return LiftedPairs(**{**source, "quarantine": quarantine and str(quarantine)})


def test_a_wall_has_the_distances_of_a_wall(walls: Path) -> None:
    samples = lifted(walls)
    assert len(samples) == 4
    for i in range(4):
        sample = samples[i]
        assert sample["image"].shape == (3, 64, 128)
        near = sample["distance"][sample["valid"]]
        # 90 x 84 degrees of the sphere, the corners at 3 m * sqrt(3)
        assert 0.08 < float(sample["valid"].float().mean()) < 0.25
        assert float(near.min()) == pytest.approx(WALL_M, rel=0.01)
        assert WALL_M * 1.5 < float(near.max()) < WALL_M * math.sqrt(3) * 1.02


def test_a_damaged_pair_is_noted_and_another_stands_in(walls: Path) -> None:
    noted = walls / "damaged.jsonl"
    samples = lifted(walls, noted)
    broken = walls / samples.rows[1].depth
    broken.write_bytes(broken.read_bytes()[:60])
    stand_in, own = samples[1], samples[2]
    assert stand_in["image"].equal(own["image"])
    assert json.loads(noted.read_text().splitlines()[0])["key"] == samples.rows[1].key
    with pytest.raises(CorruptSampleError):
        lifted(walls)[1]


def test_a_network_is_trained_on_them(
    walls: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "params.yaml", walls)
    monkeypatch.chdir(walls)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{walls}/mlflow.db")
    words = ["photos", "depth", "--out", "runs/flat", "--units", "1000", "--kind", "z"]
    words += ["--fov-x-deg", "90", "--steps", "2", "--size", "64", "128", "--batch-size", "2"]
    words += ["--set", "trainer.enable_progress_bar=false", "--set", "panels=0"]
    assert main([*words, "--samples", "2", "--despite-audit"]) == 0
    assert "held out (1), AbsRel under da2_paper: " in capsys.readouterr().out
    tuned, first = (pano_models.load(m).state_dict() for m in ("runs/flat", "pano_small"))
    assert any(not tuned[key].equal(first[key]) for key in first)


def test_two_cameras_at_once_are_refused(walls: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(walls / "photos"), str(walls / "depth"), "--out", str(walls / "out")]
    assert main([*words, "--fov-x-deg", "90", "--intrinsics", "32", "32", "32", "32"]) == 2
    assert "expected one of them" in capsys.readouterr().err
