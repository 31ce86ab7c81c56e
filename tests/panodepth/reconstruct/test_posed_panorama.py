"""From the rows of a data set to one reconstruction.

A miniature of Stanford2D3D in its own layout.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plyfile import PlyData
from scipy.spatial.transform import Rotation

from pano_data import datasets
from pano_data.manifest import Manifest, Row, write_manifest
from pano_data.reader import read, to_tensors
from pano_worlds import miniatures
from pano_worlds.miniatures import miniature
from pano_worlds.miniatures.studios import BoxStudio, BoxView
from panodepth.cli import main
from panodepth.errors import CommandError
from panodepth.outputs.records import save_prediction
from panodepth.prediction import MapKind, PredictedMap
from panodepth.reconstruct.posed_panorama import PosedPanorama, read_manifest_poses

SIZE = (96, 192)


class TurningStudio:
    """The box with a ball, each viewpoint with a heading and a tilt of its own."""

    def shoot(
        self,
        scene: int,
        viewpoint: int,
        camera: Any,
        pose: miniature.CameraOffset = miniature.NO_OFFSET,
    ) -> BoxView:
        turn = Rotation.from_euler("yx", (0.9 * viewpoint, 0.1)).as_matrix()
        return BoxStudio().shoot(
            scene % 3, viewpoint, camera, dataclasses.replace(pose, rotation=turn)
        )


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """Root and manifest of two areas, a world each, three panoramas of different headings each."""
    root = tmp_path_factory.mktemp("stanford2d3d")
    miniatures.write(
        "stanford2d3d", root, scenes={"train": 2}, views=3, size=SIZE, studio=TurningStudio()
    )
    found = datasets.get("stanford2d3d").rows(root, "train")
    return root, write_manifest(root / "train.parquet", found)


@pytest.fixture
def predict(rows: tuple[Path, Manifest], tmp_path: Path) -> Callable[..., Path]:
    """Writes what the labels say as predictions, in a unit of their own where asked."""
    root, manifest = rows

    def write(unit: float | None = None) -> Path:
        kind: MapKind = "distance_metric" if unit is None else "distance_scale_invariant"
        for row in manifest:
            sample = to_tensors(read(row, root))
            distance = sample["distance"][0].numpy() / np.float32(unit or 1)
            rgb = (sample["image"] * 255).round().byte().permute(1, 2, 0).numpy()
            known = sample["valid"][0].numpy()
            prediction = PredictedMap(kind, distance, known, sample["far"][0].numpy(), SIZE[0])
            about = {"source": str(root / row.image), "model": "labels", "working_height": SIZE[0]}
            save_prediction(tmp_path / "maps", row.key, rgb, prediction, ["npy"], about)
        return tmp_path / "maps"

    return write


def reconstruct(maps: Path, out: Path, *words: str | Path) -> int:
    fixed = ["--save", "cloud", "--voxel", "0.2", "--reach", "6"]
    return main(["reconstruct", str(maps), "--out", str(out), *fixed, *map(str, words)])


def check_walls(cloud: Path) -> None:
    """The points lie on the walls of the box and on its ball, in the box's own axes.

    Files are y up.
    """
    vertex = PlyData.read(cloud)["vertex"]
    points = np.stack([vertex[a] for a in "xyz"], 1) * (1, -1, -1)
    to_wall = np.abs((np.array((3.0, 1.4, 4.0)) - np.abs(points)).min(1))
    to_ball = np.abs(np.linalg.norm(points - (1.2, 0.6, 1.5), axis=1) - 0.5)
    assert len(points) > 5000
    assert np.quantile(np.minimum(to_wall, to_ball), 0.95) < 0.01  # labels are in 1/512 m


def test_an_area_is_reconstructed_at_the_poses_of_its_rows(
    rows: tuple[Path, Manifest], predict: Callable[..., Path], tmp_path: Path
) -> None:
    root, manifest = rows
    out = tmp_path / "out"
    words = ("--manifest", root / "train.parquet", "--scene", "area_1")
    assert reconstruct(predict(), out, *words) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    expected = {row.key: np.reshape(row.pose, (4, 4)) for row in manifest if row.scene == "area_1"}
    assert len(expected) == 3
    assert report["poses"].keys() == expected.keys()
    for name, matrix in expected.items():
        np.testing.assert_allclose(report["poses"][name]["rotation"], matrix[:3, :3])
        np.testing.assert_allclose(report["poses"][name]["position"], matrix[:3, 3])
    assert min(report["overlap"].values()) > 0.95
    check_walls(out / "cloud.ply")


def test_distances_without_a_scale_get_the_metres_of_the_poses(
    rows: tuple[Path, Manifest], predict: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("--manifest", rows[0] / "train.parquet", "--scene", "area_1")
    assert reconstruct(predict(unit=2.5), out, *words) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    assert [q["scale"] for q in report["poses"].values()] == pytest.approx([2.5] * 3, rel=0.01)


def test_several_areas_at_once_are_refused(
    rows: tuple[Path, Manifest],
    predict: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--manifest", rows[0] / "train.parquet")
    assert reconstruct(predict(), tmp_path / "out", *words) == 2
    assert "2 scenes, which share no world: choose one by --scene" in capsys.readouterr().err
    assert reconstruct(tmp_path / "maps", tmp_path / "out", "--scene", "area_1") == 2
    assert "give --manifest too" in capsys.readouterr().err


ROW = Row(key="k", dataset="structured3d", split="test", scene="s", image="s/panorama/rgb.png")
LEVEL = (1.0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 4, 0, 0, 0, 1)


def manifest_of_one(tmp_path: Path, pose: tuple[float, ...] | None) -> Path:
    write_manifest(tmp_path / "m.parquet", [dataclasses.replace(ROW, pose=pose)])
    return tmp_path / "m.parquet"


def test_a_row_is_found_below_any_root(tmp_path: Path) -> None:
    manifest = manifest_of_one(tmp_path, LEVEL)
    for root in ("/data/raw/structured3d", "elsewhere", "."):
        poses = read_manifest_poses(manifest, {"a": Path(root) / ROW.image})
        assert poses["a"].position.tolist() == [2, 3, 4]
        assert np.array_equal(poses["a"].rotation, np.eye(3))


@pytest.mark.parametrize(
    ("pose", "source", "scene", "message"),
    [
        (LEVEL, "/data/s/panorama/other.png", None, "has no row for a: expected a row whose image"),
        (LEVEL, "/data/xs/panorama/rgb.png", None, "has no row for a"),
        (LEVEL, "/data/s/panorama/rgb.png", "t", "no panorama is of --scene t: expected one of s"),
        (None, "/data/s/panorama/rgb.png", None, r"a: its row \(structured3d, k\) has no pose"),
    ],
)
def test_what_a_manifest_does_not_know_is_told(
    pose: tuple[float, ...] | None, source: str, scene: str | None, message: str, tmp_path: Path
) -> None:
    manifest = manifest_of_one(tmp_path, pose)
    with pytest.raises(CommandError, match=message):
        read_manifest_poses(manifest, {"a": Path(source)}, scene)


def test_a_file_that_is_no_manifest_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_text("no")
    for name in ("m.parquet", "none.parquet"):
        with pytest.raises(CommandError, match=rf"--manifest .*{name} cannot be used"):
            read_manifest_poses(tmp_path / name, {"a": Path("a.png")})


def test_points_are_turned_by_the_heading(box_from: Callable[..., PosedPanorama]) -> None:
    turn = Rotation.from_euler("y", 0.9).as_matrix()
    room = box_from((0.3, 0.0, 0.2), yaw=0.9)
    np.testing.assert_allclose(room.pose.rotation, turn)
    points, _ = room.world_points()
    assert np.abs((np.array([3.0, 1.4, 2.5]) - np.abs(points)).min(1)).max() < 1e-4
