"""Figure 8: rooms of a house, each predicted by itself, become one cloud at their positions."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from plyfile import PlyData

from experiments.benchmark.pano3r import __main__ as pano3r
from experiments.benchmark.pano3r import rooms
from experiments.benchmark.pano3r.figure import draw_cloud, near_cameras
from pano_worlds import View, make_world
from panodepth.errors import CommandError
from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import ScaledPose

SEED = 1


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "HEIGHT", 96)
    monkeypatch.setattr(rooms, "SEARCHED", 32)


@pytest.mark.usefixtures("small")
def test_rooms_are_different_and_show_each_other() -> None:
    chosen = rooms.choose_rooms(make_world("indoor", SEED), 3)
    assert len(chosen) >= 2
    camera = rooms.Equirectangular(32, 64)
    for i, one in enumerate(chosen):
        np.testing.assert_array_equal(one.rotation, np.eye(3))  # moved, never turned
        shares = [rooms._share(one, other, camera) for j, other in enumerate(chosen) if i != j]
        assert min(shares) >= 0  # something stands between
        assert max(shares) >= rooms.LEAST_SEEN


@pytest.mark.usefixtures("small")
def test_a_house_is_put_together_from_maps_without_a_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def in_another_unit(views: list[View]) -> list[PosedPanorama]:
        return [
            PosedPanorama(p.name, p.rgb, p.distance / np.float32(5), p.far, p.pose, False)
            for p in exact(views)
        ]

    exact = pano3r.with_true_distance
    monkeypatch.setattr(pano3r, "with_true_distance", in_another_unit)
    out = tmp_path / "figure.png"
    assert pano3r.main(["--seed", str(SEED), "--rooms", "2", "--out", str(out)]) == 0
    report = json.loads(out.with_suffix(".json").read_text())
    assert report["scale"] == pytest.approx(5.0, rel=0.05)
    assert report["scores"]["accuracy"] < 0.08
    assert report["scores"]["recall"] > 0.8
    assert {tuple(np.ravel(p["rotation"])) for p in report["poses"].values()} == {
        tuple(np.eye(3).ravel())
    }
    picture = np.asarray(Image.open(io.BytesIO(out.read_bytes())).convert("RGB"))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 1000
    assert PlyData.read(out.with_suffix(".ply"))["vertex"].count == report["points"]
    assert "from the exact surface" in capsys.readouterr().out


def test_the_height_of_the_cameras_is_a_scale_where_doors_tell_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Empty boxes of 6 x 2.4 x 4 m, seen twice by maps of another unit: no door, no agreement."""
    rays = rooms.Equirectangular(64, 128).rays(dtype=torch.float64).numpy()
    with np.errstate(divide="ignore"):
        to_walls = np.abs(np.array([3.0, 1.2, 2.0]) / rays)
    distance = to_walls.min(-1).astype(np.float32)
    far = np.zeros(distance.shape, np.bool_)
    rgb = np.full((*distance.shape, 3), 128, np.uint8)
    apart = [
        PosedPanorama(name, rgb, distance / np.float32(factor), far, pose, False)
        for name, factor, pose in (
            ("hall", 4.0, ScaledPose(1.0, np.eye(3), np.zeros(3))),
            ("cellar", 5.0, ScaledPose(1.0, np.eye(3), np.array([20.0, 0.0, 0.0]))),
        )
    ]
    assert rooms.height_over_floor(apart[0]) == pytest.approx(1.2 / 4, rel=1e-3)
    with pytest.raises(CommandError, match=r"tell no scale.*how high the cameras stand: --height"):
        pano3r.align_rooms(apart)
    aligned, report = pano3r.align_rooms(apart, 1.2)
    assert [p.pose.scale for p in aligned] == pytest.approx([(4.0 * 5.0) ** 0.5] * 2, rel=1e-3)
    assert report["poses"]["cellar"]["position"] == [20.0, 0.0, 0.0]


def test_a_cloud_is_seen_from_above_without_its_ceiling() -> None:
    """A red floor tile right of a blue one under a green ceiling; what is far is high up."""
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 40), np.linspace(0, 1, 40)), -1).reshape(-1, 2)
    floor = np.stack([grid[:, 0], np.full(1600, 1.0), grid[:, 1]], 1)
    ceiling = np.stack([grid[:, 0], np.full(1600, -1.0), grid[:, 1]], 1)
    colours = np.where(grid[:, :1] > 0.5, [[255, 0, 0]], [[0, 0, 255]])
    colours = np.where((grid[:, 1:] > 0.9) & (grid[:, :1] > 0.5), [[255, 255, 0]], colours)
    points = np.concatenate([floor, ceiling])
    painted = np.concatenate([colours, np.tile([[0, 255, 0]], (1600, 1))]).astype(np.uint8)
    image = draw_cloud(points, painted, "above")
    shown = (image != 255).any(-1)
    green = (image == [0, 255, 0]).all(-1)
    assert shown.any()
    assert not green.any()
    red, blue = ((image == colour).all(-1).nonzero() for colour in ([255, 0, 0], [0, 0, 255]))
    assert red[1].min() > blue[1].max()
    yellow = (image == [255, 255, 0]).all(-1).nonzero()
    assert yellow[0].max() < red[0].min()  # further along z


def test_what_windows_show_is_not_drawn() -> None:
    cameras = np.array([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0]])
    around = np.array([[-2.0, 0.0, 0.0], [0.0, 1.2, 0.0], [6.0, 0.0, 0.0], [4.0, 0.0, 5.9]])
    garden = np.array([[0.0, 0.0, 40.0]])
    near = near_cameras(np.concatenate([around, garden]), cameras)
    assert near.tolist() == [True, True, True, True, False]


@pytest.mark.usefixtures("small")
def test_a_folder_of_panoramas_at_given_positions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = pano3r.rooms_of_a_house(SEED, 2)
    true = dict(zip(("hall", "kitchen"), pano3r.with_true_distance(views), strict=True))
    for name, view in zip(true, views, strict=True):
        Image.fromarray(view.rgb).save(tmp_path / f"{name}.png")
    poses = tmp_path / "poses.json"
    poses.write_text(
        json.dumps({n: {"position": p.pose.position.tolist()} for n, p in true.items()})
    )
    seen = {}

    def predict(found: dict, model: str) -> list[PosedPanorama]:
        seen.update(found)
        return [true[name] for name in found]

    monkeypatch.setattr(pano3r, "predict", predict)
    out = tmp_path / "out" / "figure.png"
    words = [str(tmp_path), "--poses", str(poses), "--model", "runs/da2", "--out", str(out)]
    assert pano3r.main(words) == 0
    assert set(seen) == {"hall", "kitchen"}
    np.testing.assert_array_equal(seen["hall"][0].rgb, views[0].rgb)
    np.testing.assert_allclose(seen["kitchen"][1].position, views[1].position)
    poses.write_text("{}")
    assert pano3r.main(words) == 2


def test_one_panorama_is_no_house(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "poses.json").write_text("{}")
    words = [
        str(tmp_path),
        "--poses",
        str(tmp_path / "poses.json"),
        "--model",
        "m",
        "--out",
        "f.png",
    ]
    assert pano3r.main(words) == 2
    assert "holds 0 panoramas, expected two" in capsys.readouterr().err
