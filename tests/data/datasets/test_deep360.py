from pathlib import Path

import numpy as np
import pytest

from pano_data.io.encode import write_npz, write_png
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
    folder = "/ep1_500frames/testing"
    line = f"{folder}/rgb/000005_12_rgb1.png {folder}/depth/000005_depth.npz"
    (tmp_path / "list.txt").write_text(line + "\n")
    rows = list(spec.rows(tmp_path, "test", list_file=tmp_path / "list.txt"))
    assert [r.key for r in rows] == ["ep1/000005"]


def test_dap_and_panda_read_it_half_a_pixel_off(tmp_path):
    """The seeded case of the reference readers, through files and reader; see the README there."""
    reference = np.load(Path(__file__).parents[2] / "parity" / "data" / "dap_cassini.npz")
    rng = np.random.Generator(np.random.PCG64(1003))
    rgb = rng.integers(0, 256, (64, 32, 3), np.uint8)
    depth = rng.uniform(1, 90, (64, 32)).astype(np.float32)
    spec = build("deep360", tmp_path, size=(64, 32))
    row = next(spec.rows(tmp_path, "test", faithful=True))
    write_png(tmp_path / row.image, rgb)
    write_npz(tmp_path / row.depth, depth)
    sample = read(row, tmp_path)
    np.testing.assert_allclose(sample.label.distance, reference["erp_depth"], atol=1e-3)
    # Values just below an integer are cut to it or the one before by the last bit.
    assert np.abs(sample.rgb.astype(int) - reference["erp_rgb"]).max() <= 1
    assert (sample.rgb == reference["erp_rgb"]).mean() > 0.999
    assert sample.label.valid.all()
    exact = read(next(spec.rows(tmp_path, "test")), tmp_path)
    assert np.abs(exact.label.distance - sample.label.distance).mean() > 1


def test_faithful_sky_is_a_large_distance(tmp_path):
    spec = build("deep360", tmp_path, size=(64, 32))
    row = next(spec.rows(tmp_path, "test", faithful=True))
    label = read(row, tmp_path).label
    assert label.valid.all()
    assert label.distance.max() == pytest.approx(2000)
