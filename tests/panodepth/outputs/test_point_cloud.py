from collections.abc import Callable
from pathlib import Path

import numpy as np
from plyfile import PlyData
from torch import Tensor

from panodepth.outputs.point_cloud import make_point_cloud, sample_sphere, write_ply
from panodepth.prediction import PredictedMap


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
