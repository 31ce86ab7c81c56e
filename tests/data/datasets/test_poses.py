"""Poses: the same point of a world is at the same place from every viewpoint and every layout."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial import KDTree

import pano_geometry as pg
from pano_data import datasets
from pano_data.datasets import matterport3d, stanford2d3d, structured3d, vkitti2
from pano_data.datasets.poses import camera_to_world
from pano_data.errors import DataError
from pano_data.reader import read
from pano_worlds import miniatures
from pano_worlds.miniatures import NO_OFFSET, BoxStudio, CameraOffset

HOME = CameraOffset(
    rotation=pg.from_ypr(torch.tensor(0.6), torch.tensor(0.25), torch.tensor(-0.1)).double().numpy()
)
"""Viewpoints are turned, tilted and rolled, or a wrong axis would not show."""


class TurnedStudio(BoxStudio):
    """A box seen from turned viewpoints."""

    def shoot(self, scene, viewpoint, camera, pose=NO_OFFSET):
        turned = CameraOffset(
            rotation=HOME.rotation @ pose.rotation, step=HOME.rotation @ pose.step
        )
        return super().shoot(scene, viewpoint, camera, turned)

    def orientation(self, scene, viewpoint):
        return HOME.rotation @ super().orientation(scene, viewpoint)


SETS = ("structured3d", "stanford2d3d", "matterport3d_raw", "hypersim", "vkitti2")
SIZES = {"structured3d": (64, 128), "stanford2d3d": (64, 128)}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    root = tmp_path_factory.mktemp("poses")
    for name in SETS:
        miniatures.write(
            name, root / name, scenes={"train": 1}, views=2, size=SIZES.get(name, (60, 80)),
            studio=TurnedStudio(),
        )  # fmt: skip
    return root


def world_points(row, root):
    label = read(row, root).label
    height, width = label.distance.shape
    if row.projection == "erp":
        camera = pg.Equirectangular(height, width)
    else:
        K = torch.tensor(row.intrinsics, dtype=torch.float64).reshape(3, 3)
        camera = pg.Perspective.from_intrinsics(height, width, K)
    points = camera.rays(dtype=torch.float64).numpy() * label.distance[..., None]
    pose = np.reshape(row.pose, (4, 4))
    return points[label.valid] @ pose[:3, :3].T + pose[:3, 3]


@pytest.mark.parametrize("name", SETS)
def test_all_points_lie_on_the_surfaces_of_the_world(trees, name):
    """The box's walls are where they are, so a pose that only agrees with itself fails."""
    rows = list(datasets.get(name).rows(trees / name, "train"))
    assert len(rows) >= 2
    for row in rows:
        points = world_points(row, trees / name)
        to_walls = np.abs(np.abs(points) - np.array((3.0, 1.4, 4.0))).min(-1)
        to_ball = np.abs(np.linalg.norm(points - np.array((1.2, 0.6, 1.5)), axis=-1) - 0.5)
        assert np.median(np.minimum(to_walls, to_ball)) < 0.01, row.key


def test_two_viewpoints_of_a_world_meet(tmp_path):
    """Procedural worlds, as in the embedded pipeline: of the points that both see.

    Not Structured3D, which has one panorama per room: its viewpoints hardly see each other. The
    first viewpoints of a world stand in different rooms; of six, two share one.
    """
    name = "stanford2d3d"
    size = (128, 256)
    miniatures.write(name, tmp_path, scenes={"train": 1}, views=6, size=size)
    clouds = [world_points(r, tmp_path) for r in datasets.get(name).rows(tmp_path, "train")]
    trees = [KDTree(points) for points in clouds]
    shared = {
        (i, j): (trees[j].query(clouds[i][::16])[0] < 0.1).mean()
        for i in range(6)
        for j in range(6)
        if i != j
    }
    i, j = max(shared, key=lambda pair: shared[pair])
    one, two = clouds[i], clouds[j]
    near, neighbours = trees[j].query(one, k=4)
    seen = near[:, 0] < 0.1  # the other viewpoint sees the same place
    assert seen.mean() > 0.1
    a, b, c = (two[neighbours[seen, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=-1)
    flat = length > 1e-6
    apart = np.abs(((one[seen] - a) * normal).sum(-1)[flat] / length[flat])
    assert np.median(apart) < 0.01


def test_viewpoints_stand_where_the_studio_put_them(trees):
    for name in SETS:
        for row in datasets.get(name).rows(trees / name, "train"):
            pose = np.reshape(row.pose, (4, 4))
            y, z = pose[1:3, 3]
            # Viewpoints of the box: x = 0.2 n - 0.3, y = 0.1, z = -0.4; stereo steps to the right.
            right = HOME.rotation[:, 0] * (0.532725 if "Camera_1" in row.key else 0)
            assert abs(y - 0.1 - right[1]) < 2e-3
            assert abs(z + 0.4 - right[2]) < 2e-3


def test_structured3d_looks_along_y_of_its_world(tmp_path):
    path = tmp_path / "camera_xyz.txt"
    path.write_text("1000 2000 1500\n")
    pose = np.reshape(structured3d.read_pose(path), (4, 4))
    expected = np.eye(4)
    expected[:3, 3] = (1, -1.5, 2)  # z up becomes y down
    np.testing.assert_allclose(pose, expected)
    path.write_text("1000 2000\n")
    with pytest.raises(DataError, match="three numbers"):
        structured3d.read_pose(path)


def test_stanford2d3d_inverts_world_to_camera(tmp_path):
    path = tmp_path / "pose.json"
    # At (1, 2, 3), level, looking along +x of a world with z up: right is -y, down is -z.
    rt = [[0, -1, 0, 2], [0, 0, -1, 3], [1, 0, 0, -1]]
    path.write_text(json.dumps({"camera_rt_matrix": rt, "camera_location": [1, 2, 3]}))
    pose = np.reshape(stanford2d3d.read_pose(path), (4, 4))
    np.testing.assert_allclose(pose[:3, 3], (1, -3, 2))
    np.testing.assert_allclose(pose[:3, 2], (1, 0, 0))  # forward
    np.testing.assert_allclose(pose[:3, 1], (0, 1, 0))  # down
    path.write_text("{}")
    with pytest.raises(DataError, match="camera_rt_matrix"):
        stanford2d3d.read_pose(path)


def test_matterport3d_turns_opengl_axes(tmp_path):
    path = tmp_path / "house.conf"
    # Looking along +y of a world with z up: right +x, up +z, backward -y.
    matrix = "1 0 0 5 0 0 -1 6 0 1 0 7 0 0 0 1"
    head = "intrinsics_matrix 10 0 5 0 10 4 0 0 1\n"
    path.write_text(f"{head}scan d.png c.jpg {matrix}\n")
    (scan,) = matterport3d.parse_conf(path)
    expected = np.eye(4)
    expected[:3, 3] = (5, -7, 6)
    np.testing.assert_allclose(np.reshape(scan.pose, (4, 4)), expected)
    path.write_text(f"{head}scan d.png c.jpg 1 2 3\n")
    with pytest.raises(DataError, match="line 2"):
        list(matterport3d.parse_conf(path))


def test_vkitti2_has_y_down_already(tmp_path):
    path = tmp_path / "extrinsic.txt"
    matrix = "1 0 0 -1 0 1 0 -2 0 0 1 -3 0 0 0 1"
    path.write_text(f"frame cameraID\n7 0 {matrix}\n7 1 {matrix}\n")
    poses = vkitti2.extrinsics(path, 0)
    np.testing.assert_allclose(np.reshape(poses[7], (4, 4))[:3, 3], (1, 2, 3))
    path.write_text("frame cameraID\n7 0 1 2 3\n")
    with pytest.raises(DataError, match="line 2"):
        vkitti2.extrinsics(path, 0)


def test_without_pose_files_rows_have_no_pose(trees, tmp_path):
    kept = {".json": "_pose", ".hdf5": "keyframe", ".txt": "camera_xyz extrinsic"}
    for name in ("structured3d", "stanford2d3d", "hypersim", "vkitti2"):
        miniatures.write(
            name, tmp_path / name, scenes={"train": 1}, size=SIZES.get(name, (60, 80)),
            studio=BoxStudio(),
        )  # fmt: skip
        lost = [
            p
            for p in (tmp_path / name).rglob("*")
            if any(word in p.name for word in kept.get(p.suffix, "").split())
        ]
        assert lost
        for path in lost:
            Path(path).unlink()
        rows = list(datasets.get(name).rows(tmp_path / name, "train"))
        assert rows
        assert all(row.pose is None for row in rows)


def test_a_mirror_is_no_pose():
    with pytest.raises(DataError, match=r"a file: .* rigid"):
        camera_to_world(np.diag((-1.0, 1, 1, 1)), "a file")
