import json

import numpy as np
import pytest

from pano_data.io.encode import write_exr
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_focal_length_of_each_frame(tmp_path):
    spec = build("mvs_synth", tmp_path, views=3)
    focals = [r.intrinsics[0] for r in spec.rows(tmp_path, "train")]
    assert focals == [pytest.approx(96 * f) for f in (0.8, 0.85, 0.9)]


def test_infinity_is_sky(tmp_path):
    spec = build("mvs_synth", tmp_path)
    row = next(spec.rows(tmp_path, "train"))
    z = np.full((54, 96), 25.0)
    z[0] = np.inf
    write_exr(tmp_path / row.depth, z)
    label = read(row, tmp_path).label
    assert label.far[0].all()
    assert label.distance[27, 48] == pytest.approx(2.5, rel=1e-3)


def test_json_of_poses_is_plain(tmp_path):
    build("mvs_synth", tmp_path)
    pose = json.loads(next(tmp_path.rglob("*.json")).read_text())
    assert set(pose) == {"f_x", "f_y", "c_x", "c_y", "extrinsic"}
    assert np.linalg.det(np.array(pose["extrinsic"])[:3, :3]) == pytest.approx(-1)  # left-handed


def test_one_damaged_pose_costs_one_image(tmp_path, caplog):
    spec = build("mvs_synth", tmp_path, views=3)
    poses = sorted(tmp_path.rglob("poses/*.json"))
    poses[0].write_text("{")
    poses[1].write_text("{}")
    assert len(list(spec.rows(tmp_path, "train"))) == 1
    assert "2 left out: pose missing or damaged" in caplog.text
