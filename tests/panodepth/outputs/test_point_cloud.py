from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from plyfile import PlyData
from scipy.spatial.transform import Rotation
from torch import Tensor

from panodepth.outputs.point_cloud import (
    SH_C0,
    SPLAT_FIELDS,
    make_point_cloud,
    make_splats,
    sample_sphere,
    write_ply,
    write_splats,
)
from panodepth.prediction import PredictedMap
from tests.panodepth.conftest import box_distance

HEIGHT, WIDTH = 64, 128


def _room(
    box_map: Callable[[int, int], Tensor], height: int = 64
) -> tuple[np.ndarray, PredictedMap]:
    values = box_map(height, 2 * height).numpy()
    valid, far = np.ones(values.shape, bool), np.zeros(values.shape, bool)
    valid[:8], far[-8:] = False, True
    rgb = np.random.default_rng(0).integers(0, 255, (*values.shape, 3)).astype(np.uint8)
    return rgb, PredictedMap("distance_metric", values, valid, far)


def test_pixels_are_even_on_the_sphere() -> None:
    rows, _ = sample_sphere(512, 1024, 40_000)
    assert 36_000 < len(rows) <= 41_000
    sines = np.sin((0.5 - (rows + 0.5) / 512) * np.pi)  # uniform for even points
    share, _ = np.histogram(sines, bins=10, range=(-1, 1))
    assert np.abs(share / len(rows) - 0.1).max() < 0.01


def test_no_pixel_is_taken_twice_at_full_resolution() -> None:
    rows, columns = sample_sphere(64, 128, 10**9)
    assert len(set(zip(rows, columns, strict=True))) == len(rows)
    assert (np.bincount(rows)[30:34] >= 127).all()


def test_points_lie_on_the_walls_in_their_colours(box_map: Callable[[int, int], Tensor]) -> None:
    rgb, prediction = _room(box_map)
    points, colours = make_point_cloud(rgb, prediction)
    walls = np.abs(points) / np.array([3.0, 1.4, 2.5])
    off = np.minimum(
        np.abs(walls[:, [0, 2]] - 1).min(1),
        np.minimum(np.abs(points[:, 1] - 1.3), np.abs(points[:, 1] + 1.5)),
    )
    assert off.max() < 1e-4
    assert len(points) == len(colours)
    assert points[:, 1].max() <= 1.3 + 1e-4
    assert np.linalg.norm(points, axis=1).min() > 1.29


def test_masked_and_far_are_left_out(box_map: Callable[[int, int], Tensor]) -> None:
    rgb, prediction = _room(box_map)
    points, _ = make_point_cloud(rgb, prediction)
    latitude = np.arcsin(points[:, 1] / np.linalg.norm(points, axis=1))
    edge = (0.5 - 8 / 64) * np.pi
    assert latitude.max() < edge
    assert latitude.min() > -edge


def test_ply_is_binary_little_endian_with_colours(
    box_map: Callable[[int, int], Tensor], tmp_path: Path
) -> None:
    rgb, prediction = _room(box_map)
    write_ply(tmp_path / "a.ply", rgb, prediction)
    head = (tmp_path / "a.ply").read_bytes()[:600].decode("latin1")
    assert head.startswith("ply\nformat binary_little_endian 1.0\n")
    assert "comment unit: m" in head
    vertex = PlyData.read(tmp_path / "a.ply")["vertex"]
    points, colours = make_point_cloud(rgb, prediction)
    assert [p.name for p in vertex.properties] == ["x", "y", "z", "red", "green", "blue"]
    np.testing.assert_array_equal(np.stack([vertex[a] for a in "xyz"], 1), points)
    np.testing.assert_array_equal(vertex["green"], colours[:, 1])


@pytest.fixture
def room() -> PredictedMap:
    values = box_distance(HEIGHT, WIDTH).to(torch.float32).numpy()
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    return PredictedMap("distance_metric", values, ~nothing, nothing)


@pytest.fixture
def rgb() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def test_file_holds_the_fields_of_3dgs(room, rgb, tmp_path):
    write_splats(tmp_path / "a.ply", rgb, room)
    ply = PlyData.read(tmp_path / "a.ply")
    assert ply.byte_order == "<"
    assert tuple(p.name for p in ply["vertex"].properties) == SPLAT_FIELDS
    assert "unit: m" in ply.comments
    np.testing.assert_array_equal(ply["vertex"].data, make_splats(rgb, room))


def test_points_lie_on_the_walls_with_their_colours(room, rgb):
    splats = make_splats(rgb, room)
    x, y, z = (np.abs(splats[a]) for a in "xyz")
    down = np.where(splats["y"] > 0, 1.5, 1.3)
    off = np.min([np.abs(x - 3), np.abs(y - down), np.abs(z - 2.5)], axis=0)
    assert off.max() < 1e-4
    ahead = np.argmin(splats["x"] ** 2 + splats["y"] ** 2 - splats["z"])
    colour = 0.5 + SH_C0 * np.array([splats[f"f_dc_{i}"][ahead] for i in range(3)])
    near_centre = rgb[HEIGHT // 2 - 2 : HEIGHT // 2 + 2, WIDTH // 2 - 2 : WIDTH // 2 + 2] / 255
    assert np.abs(near_centre - colour).max(-1).min() < 1e-6


def test_discs_lie_in_the_surface_and_close_it(room, rgb):
    splats = make_splats(rgb, room)
    quaternions = np.stack([splats[f"rot_{i}"] for i in range(4)], 1)
    axes = Rotation.from_quat(quaternions, scalar_first=True).as_matrix()
    normals = np.stack([splats["nx"], splats["ny"], splats["nz"]], 1)
    np.testing.assert_allclose(axes[:, :, 2], normals, atol=1e-5)
    scales = np.exp(np.stack([splats[f"scale_{i}"] for i in range(3)], 1))
    assert (scales[:, 2] < scales[:, :2].min(1)).all()
    # the wall ahead, 2.5 m away: the next point is 2.5 m times the angle between points away
    ahead = np.argmin(splats["x"] ** 2 + splats["y"] ** 2 - splats["z"])
    pitch = np.sqrt(4 * np.pi / len(splats))
    np.testing.assert_allclose(scales[ahead, :2], 0.6 * 2.5 * pitch, rtol=0.02)
    # further to the right a pixel covers more of that wall, along the slope
    x, z = splats["x"], splats["z"]
    slanted = np.argmin(np.abs(splats["y"]) + np.abs(z - 2.5) + np.abs(x - 2))
    cosine = 2.5 / np.linalg.norm([x[slanted], splats["y"][slanted], z[slanted]])
    np.testing.assert_allclose(scales[slanted, 0] / scales[slanted, 1], 1 / cosine, rtol=0.02)
    assert abs(axes[slanted, 0, 0]) > 0.98  # along x


def test_number_is_bounded_and_masked_is_left_out(room, rgb):
    assert len(make_splats(rgb, room, 500)) <= 520
    room.valid[:, : WIDTH // 2] = False
    assert (make_splats(rgb, room)["x"] > -0.2).all()
