import numpy as np
import pytest

from pano_data.io.encode import write_png
from pano_data.reader import read
from tests.data.datasets.trees import build


@pytest.mark.parametrize(
    ("name", "native", "units"),
    [("stanford2d3d", 512, 0.512), ("matterport3d", 4000, 1.5625), ("panosuncg", 51, 2.55)],
)
def test_units_of_the_evaluation(tmp_path, name, native, units):
    spec = build(f"da2_eval_{name}", tmp_path)
    row = next(spec.rows(tmp_path, "test"))
    dtype = np.uint8 if name == "panosuncg" else np.uint16
    write_png(tmp_path / row.depth, np.full((32, 64), native, dtype))
    assert read(row, tmp_path).label.distance[0, 0] == pytest.approx(units)
    assert not row.metric
    assert row.dataset == f"da2_eval_{name}"
