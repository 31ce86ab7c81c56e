import json
from pathlib import Path

import pytest

from experiments.benchmark.reconstruction import measure


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
