"""`panodepth views`, read back by COLMAP's library and by nerfstudio's published formulas."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plyfile import PlyData
from scipy.spatial.transform import Rotation

from panodepth.cli import main

TURN = Rotation.from_euler("YX", [0.7, 0.2]).as_matrix()
POSES = {
    "a": {"position": [0.0, 0.0, 0.0]},
    "b": {"position": [1.0, -0.5, 2.0], "rotation": TURN.tolist(), "scale": 2.0},
}


@pytest.fixture(params=["cube", "ring", "tangents12", "panorama"])
def made(request, predict_room, save_poses, tmp_path) -> tuple[str, Path]:
    out = tmp_path / "views"
    size = [] if request.param == "panorama" else ["--size", "96"]
    words = [predict_room("a", "b"), "--out", out, "--rig", request.param, *size]
    words += ["--poses", save_poses(**POSES), "--depth", "png16", "npy", "--points", "3000"]
    assert main(["views", *map(str, words)]) == 0
    return request.param, out


def reconstruction(out: Path):
    pycolmap = pytest.importorskip("pycolmap")
    return pycolmap.Reconstruction(str(out / "sparse" / "0"))


def camera_points(image, world: np.ndarray) -> np.ndarray:
    pose = image.cam_from_world() if callable(image.cam_from_world) else image.cam_from_world
    return np.asarray(pose.rotation.matrix()) @ world + np.asarray(pose.translation)


def walls_off(points: np.ndarray) -> np.ndarray:
    down = np.where(points[:, 1] > 0, 1.5, 1.3)
    x, y, z = np.abs(points).T
    return np.min([np.abs(x - 3), np.abs(y - down), np.abs(z - 2.5)], axis=0)


def test_points_project_to_their_depth_and_colour_in_every_colmap_image(made):
    rig, out = made
    model = reconstruction(out)
    images = {"cube": 6, "ring": 8, "tangents12": 12, "panorama": 1}[rig]
    assert model.num_images() == 2 * images
    assert len(model.points3D) > 2000
    seen = 0
    for image in model.images.values():
        camera = model.cameras[image.camera_id]
        assert camera.model.name == ("EQUIRECTANGULAR" if rig == "panorama" else "PINHOLE")
        depth = np.load(out / "depth" / (image.name.removesuffix(".jpg") + ".npy"))
        picture = np.asarray(Image.open(out / "images" / image.name)).astype(float)
        assert depth.shape == (camera.height, camera.width) == picture.shape[:2]
        own = 0 if image.name.startswith("a") else 1
        for i, point in enumerate(p for _, p in sorted(model.points3D.items())):
            if (i >= len(model.points3D) // 2) != bool(own):
                continue  # that of the other room
            at = camera_points(image, point.xyz)
            if rig == "panorama":
                # COLMAP's formula of the model
                u = (math.atan2(at[0], at[2]) / (2 * math.pi) + 0.5) * camera.width
                v = (math.asin(at[1] / np.linalg.norm(at)) / math.pi + 0.5) * camera.height
                value = np.linalg.norm(at)
            else:
                if at[2] < 0.05:
                    continue
                u, v = camera.img_from_cam(at)
                value = at[2]
            row, column = int(v), int(u)
            if not (1 <= v < camera.height - 1 and 1 <= u < camera.width - 1):
                continue
            around = depth[row - 1 : row + 2, column - 1 : column + 2]
            if around.min() == 0 or around.max() > 1.08 * around.min():
                continue  # masked, or an edge of the room
            seen += 1
            assert abs(depth[row, column] / value - 1) < 0.05
            assert np.abs(picture[row, column] - point.color).max() < 14
    assert seen > 1000


def test_nerfstudio_rays_times_depth_are_the_rooms(made):
    rig, out = made
    content = json.loads((out / "transforms.json").read_text())
    assert content["camera_model"] == ("EQUIRECTANGULAR" if rig == "panorama" else "OPENCV")
    for frame in content["frames"]:
        name = Path(frame["file_path"]).stem
        depth = np.asarray(Image.open(out / frame["depth_file_path"])) * 0.001
        keep = np.asarray(Image.open(out / frame["mask_path"])) > 127
        assert (out / frame["file_path"]).is_file()
        assert depth.shape == (frame["h"], frame["w"]) == keep.shape
        row, column = np.indices(depth.shape) + 0.5
        x = (column - frame["cx"]) / frame["fl_x"]
        y = -(row - frame["cy"]) / frame["fl_y"]
        if rig == "panorama":
            theta, phi = -np.pi * x, np.pi * (0.5 - y)
            rays = [-np.sin(theta) * np.sin(phi), np.cos(phi), -np.cos(theta) * np.sin(phi)]
        else:
            rays = [x, y, -np.ones_like(x)]
        matrix = np.array(frame["transform_matrix"])
        points = (np.stack(rays, -1) * depth[..., None]) @ matrix[:3, :3].T + matrix[:3, 3]
        pose = POSES[name[0]]
        local = (points - pose["position"]) @ np.array(pose.get("rotation", np.eye(3)))
        off = walls_off(local[depth > 0] / pose.get("scale", 1.0))
        assert np.quantile(off, 0.9) < 0.03
        if rig == "cube" and name.endswith("F"):
            ahead = depth[depth.shape[0] // 2]
            np.testing.assert_allclose(ahead, 2.5 * pose.get("scale", 1.0), rtol=0.03)
        if rig == "cube" and name.endswith("D"):
            assert not keep.all()  # the lowest rows are masked
            assert (depth[~keep] == 0).all()


def test_cloud_is_what_3dgs_starts_from(made):
    _, out = made
    cloud = PlyData.read(out / "sparse" / "0" / "points3D.ply")["vertex"].data
    assert cloud.dtype.names == ("x", "y", "z", "nx", "ny", "nz", "red", "green", "blue")
    points = np.stack([cloud[a] for a in "xyz"], 1)
    half = len(points) // 2
    assert walls_off(points[:half]).max() < 1e-3
    local = (points[half:] - POSES["b"]["position"]) @ TURN / 2
    assert walls_off(local).max() < 1e-3
    normals = np.stack([cloud[n] for n in ("nx", "ny", "nz")], 1)[half:] @ TURN
    known = np.linalg.norm(normals, axis=1) > 0
    assert ((normals * local).sum(1)[known] < 0).all()  # towards the camera


def test_one_panorama_needs_no_poses_and_two_do(predict_room, tmp_path, capsys):
    folder = predict_room("a")
    assert main(["views", str(folder), "--out", str(tmp_path / "v"), "--size", "32"]) == 0
    assert json.loads((tmp_path / "v" / "views.json").read_text())["unit"] == "m"
    folder = predict_room("a", "b")
    assert main(["views", str(folder), "--out", str(tmp_path / "v")]) == 2
    assert "give their --poses" in capsys.readouterr().err


def test_unit_of_a_reconstruction_is_kept(predict_room, tmp_path):
    report = {"unit": "relative", "poses": {"a": {"position": [0, 0, 0], "scale": 3.0}}}
    (tmp_path / "reconstruction.json").write_text(json.dumps(report))
    words = [predict_room("a"), "--out", tmp_path / "v", "--size", "32", "--depth", "npy"]
    words += ["--poses", tmp_path / "reconstruction.json"]
    assert main(["views", *map(str, words)]) == 0
    assert json.loads((tmp_path / "v" / "views.json").read_text())["unit"] == "relative"
    front = np.load(tmp_path / "v" / "depth" / "a_F.npy")
    np.testing.assert_allclose(front[16], 7.5, rtol=0.03)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--fov", "180"], "--fov is 180, expected degrees from 1 to 170"),
        (["--size", "4"], "--size is 4, expected at least 16"),
        (["--rig", "panorama", "--size", "64"], "takes the panorama as it is"),
        (["--points", "0"], "--points is 0"),
        (["--poses", "missing.json"], "--poses missing.json cannot be used"),
    ],
)
def test_bad_usage_is_a_line(predict_room, tmp_path, capsys, words, expected):
    folder = predict_room("a")
    assert main(["views", str(folder), "--out", str(tmp_path / "v"), *words]) == 2
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told


def test_no_predictions(tmp_path, capsys):
    assert main(["views", str(tmp_path), "--out", str(tmp_path / "v")]) == 2
    assert "run panodepth predict first" in capsys.readouterr().err
