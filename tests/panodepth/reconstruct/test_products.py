import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from panodepth.cli import main


def test_the_collision_mesh_is_closed_and_has_fewer_triangles(
    predict: Callable[..., Path], poses_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["reconstruct", str(predict()), "--out", str(out), "--voxel", "0.1"]
    assert main([*words, "--poses", str(poses_file)]) == 0
    report = json.loads((out / "reconstruction.json").read_text())
    mesh = trimesh.load(out / "collision.glb", force="mesh", process=True)
    _, sides = np.unique(np.sort(mesh.edges, axis=1), axis=0, return_counts=True)
    assert (sides % 2 == 0).all()
    assert len(mesh.faces) == report["collision_triangles"]
    assert 3 * report["collision_triangles"] < report["triangles"]
    # The faces look into the room, so its volume counts negative.
    assert -mesh.volume == pytest.approx(6 * 2.8 * 5, rel=0.05)
