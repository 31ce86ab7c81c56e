"""Panoramas of a box and of two rooms, found by the command with poses, scales, or neither."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from plyfile import PlyData

from panodepth.cli import main
from tests.panodepth.reconstruct.conftest import PLACES, ROOMS


def _check_box(out: Path, origin: np.ndarray) -> None:
    """Cloud and meshes lie on the walls; files are y up, the box y down around `origin`."""
    flip = np.array([1.0, -1, -1])
    vertex = PlyData.read(out / "cloud.ply")["vertex"]
    points = np.stack([vertex[a] for a in "xyz"], 1) * flip + origin
    half = np.array([3.0, 1.4, 2.5])
    assert len(points) > 5000
    assert np.quantile(np.abs((half - np.abs(points)).min(1)), 0.9) < 0.02
    mesh = trimesh.load(out / "mesh.glb", force="mesh")
    assert np.quantile(np.abs((half - np.abs(mesh.vertices * flip + origin)).min(1)), 0.9) < 0.06
    collision = trimesh.load(out / "collision.glb", force="mesh")
    assert -collision.volume == pytest.approx(84, rel=0.05)
    for part in trimesh.load(out / "mesh.glb").geometry.values():
        green = np.asarray(part.visual.to_color().vertex_colors)[:, :3].argmax(1) == 1
        height = np.abs(part.vertices[:, 1] * flip[1] + origin[1])
        assert green.any()
        assert np.quantile(np.abs(height[green] - 1.4), 0.95) < 0.1  # floor and ceiling


def test_metric_panoramas_without_poses_are_aligned(
    predict: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["reconstruct", str(predict()), "--out", str(out), "--voxel", "0.1"]
    assert main(words) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    assert report["unit"] == "m"
    assert "comment unit: m\n" in (out / "cloud.ply").read_bytes()[:300].decode("latin1")
    start = np.array(PLACES["a"])
    for name, place in PLACES.items():
        np.testing.assert_allclose(report["poses"][name]["position"], place - start, atol=0.01)
    assert min(report["overlap"].values()) > 0.9
    _check_box(out, start)


def test_relative_panoramas_at_known_positions_get_their_scales(
    predict: Callable[..., Path], poses_file: Path, tmp_path: Path
) -> None:
    scales = {"a": 4.0, "b": 5.0, "c": 3.2}
    out = tmp_path / "out"
    words = [
        "reconstruct",
        str(predict(scales)),
        "--out",
        str(out),
        "--poses",
        str(poses_file),
    ]
    assert main([*words, "--voxel", "0.1"]) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    assert report["unit"] == "m"  # the positions are metres
    for name, scale in scales.items():
        assert report["poses"][name]["scale"] == pytest.approx(scale, rel=0.01)
    _check_box(out, np.zeros(3))


def test_relative_panoramas_without_poses_are_aligned_in_the_unit_of_the_first(
    predict: Callable[..., Path], tmp_path: Path
) -> None:
    scales = {"a": 2.0, "b": 2.2, "c": 1.9}
    out = tmp_path / "out"
    words = ["reconstruct", str(predict(scales)), "--out", str(out), "--save", "cloud"]
    assert main(words) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    assert report["poses"]["a"]["scale"] == 1
    assert report["unit"] == "relative"
    assert "comment unit: relative\n" in (out / "cloud.ply").read_bytes()[:300].decode("latin1")
    for name, place in PLACES.items():
        found = report["poses"][name]
        assert found["scale"] == pytest.approx(scales[name] / scales["a"], rel=0.01)
        expected = (np.array(place) - PLACES["a"]) / scales["a"]
        np.testing.assert_allclose(found["position"], expected, atol=0.01)
    assert [path.name for path in sorted(out.iterdir())] == ["cloud.ply", "reconstruction.json"]


def test_different_rooms_are_aligned_by_their_positions_and_one_scale(
    predict_rooms: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pano3R: neither a rotation nor a scale of its own for any room."""
    words = predict_rooms(4.0)
    assert main(words) == 2  # a scale each: they hardly see each other
    assert "--solve common" in capsys.readouterr().err
    assert main([*words, "--solve", "common"]) == 0
    report = json.loads((tmp_path / "out/reconstruction.json").read_text())
    assert report["unit"] == "m"
    for name, place in ROOMS.items():
        found = report["poses"][name]
        assert found["scale"] == pytest.approx(4.0, rel=0.02)
        np.testing.assert_allclose(found["position"], place)
        np.testing.assert_allclose(found["rotation"], np.eye(3))
    vertex = PlyData.read(tmp_path / "out/cloud.ply")["vertex"]
    x, z = np.asarray(vertex["x"]), np.asarray(vertex["z"])
    assert np.quantile(x, [0.001, 0.999]) == pytest.approx([-4.0, 4.2], abs=0.12)
    assert np.quantile(z, [0.001, 0.999]) == pytest.approx([-2.5, 2.5], abs=0.08)


def test_positions_in_the_unit_of_the_distances_need_no_scale(
    predict_rooms: Callable[..., list[str]], tmp_path: Path
) -> None:
    words = predict_rooms(4.0, {n: tuple(c / 4 for c in p) for n, p in ROOMS.items()})
    assert main([*words, "--solve", "none"]) == 0
    report = json.loads((tmp_path / "out/reconstruction.json").read_text())
    assert report["unit"] == "relative"  # the network's, not metres
    vertex = PlyData.read(tmp_path / "out/cloud.ply")["vertex"]
    assert np.quantile(vertex["x"], [0.001, 0.999]) == pytest.approx([-1.0, 1.05], abs=0.03)


@pytest.mark.parametrize(
    ("room", "positions", "told"),
    [
        ({"door": 0.0, "wall": 0.2}, ROOMS, "no two panoramas agree on a surface"),
        ({}, {"hall": (0, 0, 0), "kitchen": (0, 0, 0)}, "two panoramas have one position"),
        (
            {"door": 0.9},
            {"hall": (1.9, 0.1, -0.3), "kitchen": (-1.6, 0.0, 0.4)},
            "another panorama sees through",
        ),
    ],
)
def test_rooms_that_tell_no_common_scale_are_refused(
    predict_rooms: Callable[..., list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    room: dict[str, float],
    positions: dict[str, tuple[float, float, float]],
    told: str,
) -> None:
    assert main([*predict_rooms(4.0, positions, **room), "--solve", "common"]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_common_scale_needs_positions(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["reconstruct", str(predict()), "--out", str(tmp_path / "out"), "--solve", "common"]
    assert main(words) == 2
    assert "give --poses too" in capsys.readouterr().err


def test_panoramas_that_do_not_meet_are_refused(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = predict()
    noise = np.random.default_rng(0).uniform(0.5, 9, (96, 192)).astype(np.float32)
    np.save(folder / "c_distance.npy", noise)
    words = ["reconstruct", str(folder), "--out", str(tmp_path / "out")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert "c could not be aligned" in told
    assert "give --poses. --despite-misfit writes" in told
    assert not (tmp_path / "out").exists()
    assert main([*words, "--despite-misfit", "--save", "cloud"]) == 0
    assert "misfit: c could not be aligned" in capsys.readouterr().err
    report = json.loads((tmp_path / "out" / "reconstruction.json").read_text())
    assert report["misfit"].startswith("c could not be aligned")
    assert report["overlap"]["c"] < 0.5


def test_given_poses_are_not_asked_for_again(
    predict: Callable[..., Path],
    poses_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = predict()
    noise = np.random.default_rng(0).uniform(0.5, 9, (96, 192)).astype(np.float32)
    np.save(folder / "c_distance.npy", noise)
    words = ["reconstruct", str(folder), "--out", str(tmp_path / "out"), "--solve", "scale"]
    assert main([*words, "--poses", str(poses_file)]) == 2
    told = capsys.readouterr().err
    assert "c could not be aligned" in told
    assert "expected panoramas of one room at their poses" in told
    assert "give --poses" not in told
