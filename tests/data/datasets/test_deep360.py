import numpy as np

from pano_data.io.encode import write_npz
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_sky_beyond_a_kilometre_is_far(tmp_path):
    spec = build("deep360", tmp_path, size=(64, 32))
    row = next(spec.rows(tmp_path, "test"))
    depth = np.full((64, 32), 7.0, np.float32)
    depth[20:40, 10:20] = 2000
    write_npz(tmp_path / row.depth, depth)
    sample = read(row, tmp_path)
    assert sample.rgb.shape == (32, 64, 3)
    assert set(np.unique(sample.label.distance)) == {0, 7}
    np.testing.assert_array_equal(sample.label.far, sample.label.distance == 0)
    assert 0.05 < sample.label.far.mean() < 0.3


def test_lists_with_a_leading_slash(tmp_path):
    spec = build("deep360", tmp_path, size=(64, 32), views=2)
    line = "/ep1_500frames/testing/rgb/000005_12_rgb1.png /ep1_500frames/testing/depth/000005_depth.npz"
    (tmp_path / "list.txt").write_text(line + "\n")
    rows = list(spec.rows(tmp_path, "test", list_file=tmp_path / "list.txt"))
    assert [r.key for r in rows] == ["ep1/000005"]
