import numpy as np

from pano_data.reader import read
from tests.data.datasets.trees import build


def test_bifuse_marks_missing_with_001(tmp_path):
    spec = build("matterport3d_bifuse", tmp_path, scenes={"test": 1}, size=(32, 64))
    row = next(spec.rows(tmp_path, "test"))
    stored = np.load(tmp_path / row.depth)
    assert (stored[:3] == np.float32(0.01)).all()
    assert (stored[-3:] == 0).all()
    label = read(row, tmp_path).label
    np.testing.assert_array_equal(label.valid, stored > 0.011)
