import numpy as np
import pytest

from experiments.benchmark.reconstruction.geometry_scores import score_geometry


def _plane(n: int = 40) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n))
    return np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], 1)


def test_the_same_surface_has_no_error() -> None:
    normals = np.tile([0.0, 0, 1], (1600, 1))
    scores = score_geometry(_plane(), _plane(), 0.01, normals, normals)
    assert scores.chamfer == 0
    assert scores.precision == scores.recall == 1
    assert scores.normal_error_deg == 0


def test_an_offset_is_the_chamfer_distance_and_a_tilt_the_normal_error() -> None:
    tilt = np.radians(12)
    normals = np.tile([np.sin(tilt), 0, np.cos(tilt)], (1600, 1))
    up = np.tile([0.0, 0, 1], (1600, 1))
    scores = score_geometry(_plane() + np.array([0, 0, 0.05]), _plane(), 0.1, normals, up)
    assert scores.chamfer == pytest.approx(0.05)
    assert scores.normal_error_deg == pytest.approx(12)


def test_a_hole_lowers_completeness_only() -> None:
    half = _plane()[_plane()[:, 0] < 0.5]
    scores = score_geometry(half, _plane(), 0.01)
    assert scores.accuracy == 0
    assert scores.precision == 1
    assert scores.completeness > 0.1
    assert 0.45 < scores.recall < 0.55
    assert np.isnan(scores.normal_error_deg)
