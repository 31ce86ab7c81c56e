from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from plyfile import PlyData

from panodepth.cli import main


def test_states_are_written_as_layers(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = predict(), predict(folder="later")
    changed = np.load(after / "b_distance.npy")
    changed[50:70, 30:60] *= 0.5
    np.save(after / "b_distance.npy", changed)
    out = tmp_path / "out"
    assert main(["reconstruct", str(before), "--out", str(out), "--compare", str(after)]) == 0
    sizes = {
        layer: PlyData.read(out / f"b_{layer}.ply")["vertex"].count
        for layer in ("unchanged", "removed", "added")
    }
    assert sizes["removed"] == 0
    assert 450 < sizes["added"] <= 600
    scene = trimesh.load(out / "b_states.glb")
    assert set(scene.geometry) == {"unchanged", "added"}
    assert "0 removed" in capsys.readouterr().err


def test_each_of_several_states_is_compared_with_the_first(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, later = predict(folder="empty"), [predict(folder=name) for name in ("simple", "full")]
    boxes = [slice(30, 60), slice(90, 120)]
    for folder, things in zip(later, (boxes[:1], boxes), strict=True):
        distance = np.load(folder / "b_distance.npy")
        for columns in things:
            distance[50:70, columns] *= 0.5
        np.save(folder / "b_distance.npy", distance)
    out, words = tmp_path / "out", ["reconstruct", str(empty), "--compare", *map(str, later)]
    assert main([*words, "--out", str(out)]) == 0
    added = {
        name: PlyData.read(out / name / "b_added.ply")["vertex"].count
        for name in ("simple", "full")
    }
    assert added["full"] == pytest.approx(2 * added["simple"], rel=0.02)
    assert added["simple"] > 450
    assert main([*words, str(predict(folder="x/full")), "--out", str(out)]) == 2
    assert "share a name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{}", "no entry 'a'"),
        ("[1]", "cannot be used"),
        ('{"a": {"position": [1, 2]}}', "cannot be used"),
        (
            '{"a": {"position": [1, 2, 3], "rotation": [[2,0,0],[0,1,0],[0,0,1]]}}',
            "not orthonormal",
        ),
    ],
)
def test_bad_poses_are_told(
    predict: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    message: str,
) -> None:
    (tmp_path / "poses.json").write_text(content)
    words = ["reconstruct", str(predict()), "--out", str(tmp_path / "out")]
    assert main([*words, "--poses", str(tmp_path / "poses.json")]) == 2
    assert message in capsys.readouterr().err


def test_bad_usage_is_told(
    predict: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconstruct", str(tmp_path / "none"), "--out", str(tmp_path / "out")]) == 2
    assert "holds no predictions" in capsys.readouterr().err
    words = ["reconstruct", str(predict()), "--out", str(tmp_path / "out"), "--voxel"]
    assert main([*words, "0"]) == 2
    assert main([*words, "0.005"]) == 2
    assert "take larger ones" in capsys.readouterr().err
    (tmp_path / "a.png").unlink()
    assert main([*words, "0.1"]) == 2
    assert "needed for its colours" in capsys.readouterr().err
    assert main([*words, "0.1", "--compare", str(tmp_path)]) == 2
    assert "leave out --voxel" in capsys.readouterr().err
