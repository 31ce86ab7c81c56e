import numpy as np
import pytest

from pano_data.datasets import ken_burns
from pano_data.io.encode import write_exr
from pano_data.reader import read
from tests.data.datasets.trees import build


def test_focal_length():
    assert ken_burns.focal_length(84.527916, 512) == pytest.approx(281.69611, abs=1e-5)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"fltFov": null}', "{"])
def test_empty_meta_files(tmp_path, text, caplog):
    spec = build("ken_burns", tmp_path, views=2)
    meta = sorted(tmp_path.rglob("*-meta.json"))[0]
    meta.write_text(text)
    assert len(list(spec.rows(tmp_path, "train"))) == 4
    assert "4 left out: meta.json empty or without fltFov" in caplog.text


def test_sky_of_50000_is_far(tmp_path):
    spec = build("ken_burns", tmp_path)
    row = next(spec.rows(tmp_path, "train"))
    z = np.full((64, 64), 3000.0)
    z[0], z[1] = 50000, 20000
    write_exr(tmp_path / row.depth, z)
    label = read(row, tmp_path).label
    np.testing.assert_array_equal(label.far.all(1), np.arange(64) < 2)


def test_depth_beside_the_images(tmp_path):
    spec = build("ken_burns", tmp_path)
    for path in sorted(tmp_path.rglob("*-depth.exr")):
        path.rename(tmp_path / "asdf-flying" / path.name)
    assert len(list(spec.rows(tmp_path, "train"))) == 4


def test_a_corrupt_first_image_does_not_hide_the_folder(tmp_path):
    spec = build("ken_burns", tmp_path, views=2)
    expected = [row.intrinsics for row in spec.rows(tmp_path, "train")]
    sorted(tmp_path.rglob("*-image.png"))[0].write_bytes(b"")
    assert [row.intrinsics for row in spec.rows(tmp_path, "train")] == expected
