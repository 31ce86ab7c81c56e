from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from panodepth import Panorama
from panodepth.prediction import PredictedMap

H, W = 64, 128


@pytest.fixture
def room(box_map: Callable[[int, int], Tensor]) -> Panorama:
    valid, far = np.ones((H, W), bool), np.zeros((H, W), bool)
    valid[:, :8], far[:4] = False, True
    prediction = PredictedMap("distance_metric", box_map(H, W).numpy(), valid, far)
    return Panorama("box", np.full((H, W, 3), 90, np.uint8), prediction)


def test_distance_says_masked_and_far(room: Panorama) -> None:
    assert (room.distance[:, :8] == 0).all()
    assert np.isinf(room.distance[:4, 8:]).all()
    assert np.isfinite(room.distance[4:, 8:]).all()
    assert room.sky.sum() == 4 * (W - 8)
    assert room.unit == "m"


def test_points_lie_on_the_walls(room: Panorama) -> None:
    """A 6 x 2.8 x 5 m box, the camera 1.5 m above its floor; y points down."""
    points = room.points[room.valid]
    x, y, z = points.T
    walls = np.stack([np.abs(x) / 3, y / 1.5, -y / 1.3, np.abs(z) / 2.5])
    np.testing.assert_allclose(walls.max(0), 1, atol=1e-4)
    assert np.isnan(room.points[~room.valid]).all()
    lengths = np.linalg.norm(points, axis=-1)
    np.testing.assert_allclose(lengths, room.distance[room.valid], rtol=1e-5)


def test_normals_look_at_the_camera(room: Panorama) -> None:
    assert np.isnan(room.normals[~room.valid]).all()
    front = room.normals[H // 2, W // 2]  # the wall at z = 2.5
    np.testing.assert_allclose(front, [0, 0, -1], atol=1e-3)
    np.testing.assert_allclose(room.normals[-4, W // 2], [0, -1, 0], atol=1e-2)


def test_save_takes_names_and_formats(room: Panorama, tmp_path: Path) -> None:
    files = room.save(tmp_path, ("npy", "exr"), name="other")
    assert {p.name for p in files} == {
        "other_distance.npy", "other_distance.exr", "other_prediction.json"
    }  # fmt: skip
    with pytest.raises(ValueError, match="format 'obj'"):
        room.save(tmp_path, ("obj",))


def test_plot_is_the_preview(room: Panorama, tmp_path: Path) -> None:
    figure = room.plot()
    (axes,) = figure.axes
    (image,) = axes.get_images()
    height, width = np.asarray(image.get_array()).shape[:2]
    assert figure.get_figheight() / figure.get_figwidth() == pytest.approx(height / width)
    figure.savefig(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
