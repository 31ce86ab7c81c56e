import numpy as np

from pano_data.io.encode import write_exr
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_pano3d_holes_are_missing_not_far(tmp_path):
    spec = build("matterport3d_pano3d", tmp_path, scenes={"test": 1}, size=(32, 64))
    row = next(spec.rows(tmp_path, "test"))
    values = np.full((32, 64), 2.0)
    values[3], values[4] = np.inf, 30000.0
    write_exr(tmp_path / row.depth, values)
    label = read(row, tmp_path).label
    assert not label.far.any()
    np.testing.assert_array_equal(label.valid.all(1), ~np.isin(np.arange(32), (3, 4)))
