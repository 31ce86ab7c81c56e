import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image
from plyfile import PlyData
from scipy.spatial.transform import Rotation

from panodepth.cli import main
from panodepth.outputs.records import save_prediction
from panodepth.prediction import MapKind, PredictedMap
from panodepth.reconstruct.posed_panorama import PosedPanorama

PLACES = {"a": (0.0, 0.1, 0.0), "b": (0.6, 0.0, 0.4), "c": (-0.5, -0.2, 0.5)}
Box = Callable[..., PosedPanorama]


@pytest.fixture
def predict(tmp_path: Path, box_from: Box) -> Callable[..., Path]:
    """Writes exact predictions of the box, in the camera's own unit where `scales` are given."""

    def write(scales: dict[str, float] | None = None, folder: str = "in") -> Path:
        kind: MapKind = "distance_scale_invariant" if scales else "distance_metric"
        for name, place in PLACES.items():
            room = box_from(place, height=96)
            scale = np.float32((scales or {}).get(name, 1.0))
            everything = np.ones(room.distance.shape, bool)
            source = tmp_path / f"{name}.png"
            Image.fromarray(room.rgb).save(source)
            prediction = PredictedMap(kind, room.distance / scale, everything, ~everything, 96)
            about = {"source": str(source), "model": "box", "working_height": 96}
            save_prediction(tmp_path / folder, name, room.rgb, prediction, ["npy"], about)
        return tmp_path / folder

    return write


def _poses_file(tmp_path: Path) -> Path:
    path = tmp_path / "poses.json"
    path.write_text(json.dumps({n: {"position": p} for n, p in PLACES.items()}))
    return path


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
    predict: Callable[..., Path], tmp_path: Path
) -> None:
    scales = {"a": 4.0, "b": 5.0, "c": 3.2}
    out = tmp_path / "out"
    words = [
        "reconstruct",
        str(predict(scales)),
        "--out",
        str(out),
        "--poses",
        str(_poses_file(tmp_path)),
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


def test_the_collision_mesh_is_closed_and_has_fewer_triangles(
    predict: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["reconstruct", str(predict()), "--out", str(out), "--voxel", "0.1"]
    assert main([*words, "--poses", str(_poses_file(tmp_path))]) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    mesh = trimesh.load(out / "collision.glb", force="mesh", process=True)
    _, sides = np.unique(np.sort(mesh.edges, axis=1), axis=0, return_counts=True)
    assert (sides % 2 == 0).all()
    assert len(mesh.faces) == report["collision_triangles"]
    assert 3 * report["collision_triangles"] < report["triangles"]
    # The faces look into the room, so its volume counts negative.
    assert -mesh.volume == pytest.approx(6 * 2.8 * 5, rel=0.05)


def test_states_are_written_as_layers(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = predict(), predict(folder="later")
    changed = np.load(after / "b_distance.npy")
    changed[50:70, 30:60] *= 0.5
    np.save(after / "b_distance.npy", changed)
    out = tmp_path / "out"
    assert main(["reconstruct", str(before), "--out", str(out), "--compare", str(after)]) == 0
    sizes = {
        layer: PlyData.read(out / f"b_{layer}.ply")["vertex"].count
        for layer in ("unchanged", "removed", "added")
    }
    assert sizes["removed"] == 0
    assert 450 < sizes["added"] <= 600
    scene = trimesh.load(out / "b_states.glb")
    assert set(scene.geometry) == {"unchanged", "added"}
    assert "0 removed" in capsys.readouterr().err


def test_each_of_several_states_is_compared_with_the_first(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, later = predict(folder="empty"), [predict(folder=name) for name in ("simple", "full")]
    boxes = [slice(30, 60), slice(90, 120)]
    for folder, things in zip(later, (boxes[:1], boxes), strict=True):
        distance = np.load(folder / "b_distance.npy")
        for columns in things:
            distance[50:70, columns] *= 0.5
        np.save(folder / "b_distance.npy", distance)
    out, words = tmp_path / "out", ["reconstruct", str(empty), "--compare", *map(str, later)]
    assert main([*words, "--out", str(out)]) == 0
    added = {
        name: PlyData.read(out / name / "b_added.ply")["vertex"].count
        for name in ("simple", "full")
    }
    assert added["full"] == pytest.approx(2 * added["simple"], rel=0.02)
    assert added["simple"] > 450
    assert main([*words, str(predict(folder="x/full")), "--out", str(out)]) == 2
    assert "share a name" in capsys.readouterr().err


ROOMS = {"hall": (-1.6, 0.0, 0.4), "kitchen": (1.9, 0.1, -0.3)}


@pytest.fixture
def predict_rooms(tmp_path: Path, room_from: Box) -> Callable[..., list[str]]:
    """Words of a command: predictions of two rooms in one unit, and where they were taken."""

    def write(
        unit: float, positions: dict[str, tuple[float, float, float]] = ROOMS, **room: float
    ) -> list[str]:
        for name, place in ROOMS.items():
            seen = room_from(place, **room)
            everything = np.ones(seen.distance.shape, bool)
            source = tmp_path / f"{name}.png"
            Image.fromarray(seen.rgb).save(source)
            distance = seen.distance / np.float32(unit)
            kind: MapKind = "distance_scale_invariant"
            prediction = PredictedMap(kind, distance, everything, ~everything, 96)
            about = {"source": str(source), "model": "room", "working_height": 96}
            save_prediction(tmp_path / "in", name, seen.rgb, prediction, ["npy"], about)
        (tmp_path / "p.json").write_text(
            json.dumps({n: {"position": p} for n, p in positions.items()})
        )
        words = ["reconstruct", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
        return [*words, "--save", "cloud", "--poses", str(tmp_path / "p.json")]

    return write


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
    assert main(["reconstruct", str(folder), "--out", str(tmp_path / "out")]) == 2
    assert "c could not be aligned" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "no entry 'a'"),
        ("[1]", "cannot be used"),
        ('{"a": {"position": [1, 2]}}', "cannot be used"),
        (
            '{"a": {"position": [1, 2, 3], "rotation": [[2,0,0],[0,1,0],[0,0,1]]}}',
            "not orthonormal",
        ),
    ],
)
def test_bad_poses_are_told(
    predict: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    message: str,
) -> None:
    (tmp_path / "poses.json").write_text(content)
    words = ["reconstruct", str(predict()), "--out", str(tmp_path / "out")]
    assert main([*words, "--poses", str(tmp_path / "poses.json")]) == 2
    assert message in capsys.readouterr().err


def test_bad_usage_is_told(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconstruct", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "holds no predictions" in capsys.readouterr().err
    words = ["reconstruct", str(predict()), "--out", str(tmp_path / "out"), "--voxel"]
    assert main([*words, "0"]) == 2
    assert main([*words, "0.005"]) == 2
    assert "take larger ones" in capsys.readouterr().err
    (tmp_path / "a.png").unlink()
    assert main([*words, "0.1"]) == 2
    assert "needed for its colours" in capsys.readouterr().err
    assert main([*words, "0.1", "--compare", str(tmp_path)]) == 2
    assert "leave out --voxel" in capsys.readouterr().err


def test_headings_in_the_poses_file_are_used(tmp_path: Path, box_from: Box) -> None:
    turn = Rotation.from_euler("y", 0.9).as_matrix()
    room = box_from((0.3, 0.0, 0.2), yaw=0.9)
    np.testing.assert_allclose(room.pose.rotation, turn)
    points, _ = room.world_points()
    assert np.abs((np.array([3.0, 1.4, 2.5]) - np.abs(points)).min(1)).max() < 1e-4
