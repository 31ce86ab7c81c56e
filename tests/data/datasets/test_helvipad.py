"""Helvipad: a band of the sphere becomes a whole panorama, once."""

import numpy as np
import pytest

import pano_geometry as pg
from pano_data.datasets import helvipad
from pano_data.errors import DataError, DatasetNotFoundError
from pano_data.io.encode import write_jpeg, write_png
from pano_data.io.images import read_mask, read_rgb
from pano_data.reader import read
from tests.data.datasets.trees import build

SIZE = (60, 120)


def test_the_band_lies_where_the_release_computes_depth():
    """depth = B (sin t / tan d - cos t) over t = pi (1535, 1533, .. 513) / 1920, from below."""
    top, rows = helvipad.band(960)
    latitudes = pg.row_latitudes(960)[top : top + rows].numpy()
    from_below = np.pi * np.arange(512 + 2 * rows - 1, 512, -2) / 1920
    np.testing.assert_allclose(latitudes, from_below - np.pi / 2, atol=1e-6)
    assert np.degrees(latitudes[[0, -1]]) == pytest.approx([53.9, -41.9], abs=0.05)


def test_pictures_and_labels_keep_their_place_and_the_caps_are_left_out(tmp_path):
    spec = build("helvipad", tmp_path, size=SIZE)
    [row] = spec.rows(tmp_path, "train")
    sample = read(row, tmp_path)
    assert sample.rgb.shape == (*SIZE, 3)
    [packed] = (tmp_path / "train/images_bottom").rglob("*.jpg")
    band = slice(12, 44)
    np.testing.assert_array_equal(sample.rgb[band], read_rgb(packed))
    outside = np.ones(SIZE[0], bool)
    outside[band] = False
    assert not sample.rgb[outside].any()
    assert not sample.label.valid[outside].any()
    np.testing.assert_array_equal(sample.keep[:, 0], ~outside)
    assert read_mask(tmp_path / row.mask).shape == SIZE
    assert sample.label.valid[band].any()


def test_places_are_told_by_the_names_of_sequences(tmp_path):
    spec = build("helvipad", tmp_path, size=SIZE, scenes={"train": 3}, views=2)
    rows = list(spec.rows(tmp_path, "train"))
    ends = {row.scene.rpartition("_")[2]: row.environment for row in rows}
    assert ends == {"IN": "indoor", "OUT": "outdoor", "NOUT": "outdoor"}
    assert len(rows) == 6
    indoors = list(spec.rows(tmp_path, "train", places=["IN"]))
    assert {row.environment for row in indoors} == {"indoor"}
    assert len(indoors) == 2


def test_completed_labels_are_denser(tmp_path):
    spec = build("helvipad", tmp_path, size=SIZE)
    [plain], [dense] = (list(spec.rows(tmp_path, "train", augmented=a)) for a in (False, True))
    assert (plain.key, plain.image) == (dense.key, dense.image)
    one, all_ = (read(row, tmp_path).label for row in (plain, dense))
    assert 1.9 < all_.valid.sum() / one.valid.sum() < 2.1
    np.testing.assert_array_equal(all_.distance[one.valid], one.distance[one.valid])


def test_what_is_not_unpacked_is_said_with_the_call_and_an_interrupted_one_resumes(tmp_path):
    spec = build("helvipad", tmp_path, size=SIZE, views=2)
    rows = list(spec.rows(tmp_path, "val"))
    kept, again = (tmp_path / row.depth for row in rows)
    before, content = kept.stat().st_mtime_ns, again.read_bytes()
    again.unlink()
    assert helvipad.unpack(tmp_path) == 6
    assert (kept.stat().st_mtime_ns, again.read_bytes()) == (before, content)
    (tmp_path / "unpacked").rename(tmp_path / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match=r"helvipad\.unpack\(.*augmented=True"):
        list(spec.rows(tmp_path, "train", augmented=True))


def test_another_band_is_refused(tmp_path):
    place = tmp_path / "train"
    write_jpeg(place / "images_bottom/s_IN/0.jpg", np.zeros((40, 120, 3), np.uint8))
    write_png(place / "depth_maps/s_IN/0.png", np.ones((40, 120), np.uint16))
    with pytest.raises(DataError, match="got 40 rows of 120 pixels, expected 32, 512 of 960"):
        helvipad.unpack(tmp_path)
    write_png(place / "depth_maps/s_IN/0.png", np.ones((32, 120), np.uint16))
    with pytest.raises(DataError, match=r"the label is \(32, 120\), its picture \(40, 120\)"):
        helvipad.unpack(tmp_path)
