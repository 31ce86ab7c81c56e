import math

import numpy as np
import pytest
import torch

from pano_data.curation import P2E, CuratedDataset
from pano_data.datasets import hypersim
from pano_data.decode import ray_lengths
from pano_data.errors import DatasetNotFoundError
from pano_data.io.encode import write_hdf5
from pano_data.manifest import manifest_of
from pano_data.reader import ManifestDataset
from pano_worlds.miniatures import BoxStudio
from tests.data.datasets.test_poses import world_points
from tests.data.datasets.trees import build

TILTED = (
    0.5781909570315968, 0, 0, 0, 0.43301302155123783, 0, 0, 0.023370140953657963,
    -1.0014560806537933,
)  # fmt: skip
"""`M_cam_from_uv` of ai_012_003 in the camera table of the release."""


class TiltedCamera:
    """The rays of `TILTED`, written from its definition."""

    def rays(self, dtype):
        v, u = np.mgrid[0:48, 0:64] + 0.5
        uv = np.stack([2 * u / 64 - 1, 1 - 2 * v / 48, np.ones_like(u)], -1)
        rays = uv @ np.reshape(TILTED, (3, 3)).T * (1, -1, -1)
        return torch.from_numpy(rays / np.linalg.norm(rays, axis=-1, keepdims=True)).to(dtype)


def test_nominal_camera():
    K = hypersim.intrinsics(None, 768, 1024)
    assert K[0] == pytest.approx(886.8100, abs=1e-4)
    assert K[4] == pytest.approx(886.8100, abs=1e-4)
    assert (K[2], K[5]) == (pytest.approx(512), pytest.approx(384))


@pytest.mark.parametrize(("row", "column", "z"), [(0, 0, 1.622377), (383, 511, 1.9999994)])
def test_z_of_a_distance(row, column, z):
    lengths = ray_lengths(hypersim.intrinsics(None, 768, 1024), 768, 1024)
    assert 2.0 / lengths[row, column] == pytest.approx(z, abs=1e-6)


def test_distances_are_not_multiplied(tmp_path):
    spec = build("hypersim", tmp_path)
    row = next(spec.rows(tmp_path, "train"))
    assert (row.kind, row.projection) == ("distance", "pinhole")


def test_shifted_and_tilted_cameras():
    shifted = hypersim.intrinsics((0.5, 0, 0.1, 0, 0.4, 0, 0, 0, -1), 100, 200)
    # u = -0.2 looks straight ahead: 80 of 200 columns from the left.
    assert shifted[2] == pytest.approx(80)
    assert shifted[0] == pytest.approx(200)
    tilt = math.radians(5)
    matrix = (
        0.5,
        0,
        0,
        0,
        0.4 * math.cos(tilt),
        math.sin(tilt),
        0,
        -0.4 * math.sin(tilt),
        -math.cos(tilt),
    )
    K = np.reshape(hypersim.intrinsics(matrix, 100, 200), (3, 3))
    centre = np.linalg.inv(K) @ (100, 50, 1)
    # The middle of the sensor looks 5 degrees up (y is down).
    assert math.degrees(math.atan2(-centre[1], centre[2])) == pytest.approx(5, abs=1e-6)


def test_excluded_frames_and_tables(tmp_path):
    spec = build("hypersim", tmp_path, views=2)
    assert [len(list(spec.rows(tmp_path, s))) for s in ("train", "val", "test")] == [4, 2, 2]
    (tmp_path / hypersim.CAMERA_TABLE).unlink()
    with pytest.raises(DatasetNotFoundError, match="hypersim table metadata_camera"):
        list(spec.rows(tmp_path, "train"))
    nominal = list(spec.rows(tmp_path, "train", nominal=True))
    assert len(nominal) == 4
    assert len({row.intrinsics for row in nominal}) == 1
    (tmp_path / hypersim.SPLIT_TABLE).unlink()
    with pytest.raises(DatasetNotFoundError, match="hypersim table metadata_images"):
        list(spec.rows(tmp_path, "train", nominal=True))


def test_a_tilted_sensor_is_a_pinhole_that_looks_along_its_normal():
    general = np.reshape(hypersim.intrinsics(TILTED, 48, 64), (3, 3))
    K, turn = hypersim.untilt(tuple(general.flat))
    K = np.reshape(K, (3, 3))
    np.testing.assert_allclose(K @ turn / (K @ turn)[2, 2], general, atol=1e-12)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) > 0
    assert K[0, 1] == K[1, 0] == K[2, 0] == K[2, 1] == 0
    assert K[0, 0] == pytest.approx(K[1, 1], rel=1e-6)  # pixels are square in the release
    straight = hypersim.intrinsics((0.5, 0, 0.1, 0, 0.4, 0, 0, 0, -1), 48, 64)
    assert hypersim.untilt(straight)[0] == straight


def test_scenes_with_a_tilted_sensor_are_read_posed_and_curated(tmp_path):
    """The axes of the row are those of the sensor: intrinsics, pose and distance say one world."""
    spec = build("hypersim", tmp_path, scenes={"train": 1})
    view = BoxStudio().shoot(0, 0, TiltedCamera())
    images = tmp_path / "ai_001_001/images/scene_cam_00_geometry_hdf5"
    write_hdf5(images / "frame.0000.depth_meters.hdf5", view.distance)
    table = tmp_path / hypersim.CAMERA_TABLE
    header = table.read_text().splitlines()[0]
    table.write_text(f"{header}\nai_001_001,{','.join(map(str, TILTED))}\n")
    (row,) = spec.rows(tmp_path, "train")
    points = world_points(row, tmp_path)
    to_walls = np.abs(np.abs(points) - (3.0, 1.4, 4.0)).min(-1)
    to_ball = np.abs(np.linalg.norm(points - (1.2, 0.6, 1.5), axis=-1) - 0.5)
    assert np.minimum(to_walls, to_ball).max() < 1e-3
    # As released, the pose is that of the general matrix: it looks along the world's z.
    sensor = np.reshape(row.pose, (4, 4))[:3, 2]
    assert math.degrees(math.acos(sensor[2])) == pytest.approx(3.09, abs=0.02)
    panorama = CuratedDataset(ManifestDataset(manifest_of([row]), tmp_path), P2E((64, 128)))[0]
    assert panorama["valid"].float().mean() > 0.02
