import json
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmark.reconstruction import measure
from experiments.benchmark.reconstruction.measure import score_geometry


def test_exact_distances_reconstruct_a_world(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(measure, "HEIGHT", 64)
    monkeypatch.setattr(measure, "VOXEL", 0.15)
    monkeypatch.setattr(measure, "REACH", 4.0)
    out = tmp_path / "rows.json"
    assert measure.main(["--seeds", "3", "--views", "2", "--out", str(out)]) == 0
    rows = json.loads(out.read_text())
    by_way = {(r["way"], r["product"]): r for r in rows}
    known = by_way["exact distances, known poses", "cloud"]
    assert known["accuracy"] < 0.03
    assert known["recall"] > 0.8
    mesh = by_way["exact distances, known poses", "mesh"]
    assert mesh["accuracy"] < 0.12  # less than a voxel
    assert 0 < mesh["normal_error_deg"] < 30
    noisy = by_way["2% noise, known poses", "cloud"]
    assert known["accuracy"] < noisy["accuracy"] < 0.1
    # Estimated poses are right, or the reconstruction is refused.
    for row in rows:
        if row["way"].endswith("estimated poses") and "error" not in row:
            assert row["position_error"] < 0.1
        elif "error" in row:
            assert "could not be aligned" in row["error"]


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
