import numpy as np

from pano_data import datasets
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_scales_do_not_come_from_paths(tmp_path):
    """A release of others decodes by the folder name: "stanford" would mean 1/512 m."""
    root = tmp_path / "stanford" / "sf3d"
    spec = build("structured3d", root)
    plain = build("structured3d", tmp_path / "elsewhere")
    here, there = (next(spec.rows(r, "train")) for r in (root, tmp_path / "elsewhere"))
    assert here == there
    assert plain.name == spec.name
    np.testing.assert_array_equal(
        read(here, root).label.distance, read(there, tmp_path / "elsewhere").label.distance
    )


def test_what_is_metric():
    relative = {n for n in datasets.names() if not datasets.get(n).metric}
    assert relative == {
        "mvs_synth", "ken_burns", "da2_curated", "da2_eval_stanford2d3d", "da2_eval_matterport3d",
        "da2_eval_panosuncg",
    }  # fmt: skip


def test_one_name_two_test_sets():
    """DA² tests on stitches, DAP on renders; both call it Matterport3D and count 2,014."""
    unifuse, pano3d = (datasets.get(f"matterport3d_{form}") for form in ("unifuse", "pano3d"))
    assert unifuse.counts["test"] == pano3d.counts["test"] == 2014
    assert unifuse.name != pano3d.name
    assert unifuse.label_dtype != pano3d.label_dtype
