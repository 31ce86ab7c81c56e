import numpy as np
import pytest
from PIL import Image

from pano_data import datasets
from pano_data.errors import DataError
from pano_data.io.encode import write_png
from pano_data.reader import read
from tests.data.datasets.trees import build

SPEC = datasets.get("folder_depth")


def _picture(path, size=(16, 32)):
    write_png(path, np.full((*size, 3), 90, np.uint8))


def _millimetres(path, value=2500, size=(16, 32)):
    write_png(path, np.full(size, value, np.uint16))


def _pairs(rows):
    return [(row.image, row.depth) for row in rows]


def test_16_bit_millimetres_become_metres(tmp_path):
    _picture(tmp_path / "images/a.png")
    _millimetres(tmp_path / "depth/a.png")
    (row,) = SPEC.rows(tmp_path, "all", units_per_metre=1000.0)
    label = read(row, tmp_path).label
    assert label.valid.all()
    np.testing.assert_allclose(label.distance, 2.5)


def test_a_miniature_is_read_back(tmp_path):
    build("folder_depth", tmp_path, views=2)
    rows = list(SPEC.rows(tmp_path, "all"))
    assert [row.key for row in rows] == [f"00000{i}/00000{j}.jpg" for i in (0, 1) for j in (0, 1)]
    label = read(rows[0], tmp_path).label
    assert 0.5 < float(np.median(label.distance[label.valid])) < 10


@pytest.mark.parametrize(
    ("picture", "label"),
    [("a.jpg", "a.exr"), ("a.webp", "a.npy"), ("a_rgb.png", "a_depth.png"), ("b/a.png", "b/a.npz"),
     ("a-color.png", "a.distance.h5"), ("Halle 1.png", "Halle 1_GT.hdf5")],
)  # fmt: skip
def test_names_that_belong_together(tmp_path, picture, label):
    (tmp_path / "images" / picture).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 16)).save(tmp_path / "images" / picture)
    (tmp_path / "depth" / label).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "depth" / label).write_bytes(b"not read")
    assert _pairs(SPEC.rows(tmp_path, "all")) == [(f"images/{picture}", f"depth/{label}")]


def test_one_folder_holds_both(tmp_path):
    _picture(tmp_path / "scans/a.png")
    _millimetres(tmp_path / "scans/a_depth.png")
    rows, skipped = SPEC.survey(tmp_path, "all", images="scans", depth="scans")
    assert (_pairs(rows), skipped) == ([("scans/a.png", "scans/a_depth.png")], [])


def test_what_has_no_partner_is_named(tmp_path):
    for name in ("a", "b", "c"):
        _picture(tmp_path / f"images/{name}.png")
    for name in ("a.png", "c.png", "c_depth.png", "d.png"):
        _millimetres(tmp_path / "depth" / name)
    rows, skipped = SPEC.survey(tmp_path, "all")
    # An exact name comes before one without its ending.
    assert [row.key for row in rows] == ["a.png"]
    assert {(skip.path, skip.reason) for skip in skipped} == {
        ("images/b.png", "no depth map of this name"),
        ("images/c.png", "2 depth maps of this name"),
        ("depth/d.png", "no picture of this name"),
    }


def test_masks_cut_the_label(tmp_path):
    _picture(tmp_path / "images/a.png")
    _millimetres(tmp_path / "depth/a.png")
    keep = np.zeros((16, 32), np.uint8)
    keep[:8] = 255
    write_png(tmp_path / "masks/a.png", keep)
    (row,) = SPEC.rows(tmp_path, "all")
    np.testing.assert_array_equal(read(row, tmp_path).label.valid, keep > 0)


def test_z_of_perspective_pictures(tmp_path):
    """A wall at z = 2 m: 2 m ahead, 2 m / cos(angle) to the side."""
    _picture(tmp_path / "images/a.png", (20, 20))
    _millimetres(tmp_path / "depth/a.png", 2000, (20, 20))
    options = {"units_per_metre": 1000.0, "kind": "z"}
    (by_angle,) = SPEC.rows(tmp_path, "all", fov_x_deg=90.0, **options)
    (by_pixels,) = SPEC.rows(tmp_path, "all", intrinsics=[10, 10, 10, 10], **options)
    assert by_angle.intrinsics == pytest.approx(by_pixels.intrinsics)
    distance = read(by_angle, tmp_path).label.distance
    assert distance[10, 10] == pytest.approx(2 * np.sqrt(1 + 2 * 0.05**2))
    assert distance[10, 0] == pytest.approx(2 * np.sqrt(1 + 0.95**2 + 0.05**2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "z"}, "kind=z for panoramas"),
        ({"intrinsics": [1, 2, 3]}, r"got \[1, 2, 3\], expected fx, fy, cx, cy"),
        ({"held_out": 1.0}, "held_out=1.0"),
        ({"fov_x_deg": 180.0}, "fov_x_deg=180.0"),
    ],
)
def test_a_wrong_option_is_reported(tmp_path, options, message):
    _picture(tmp_path / "images/a.png")
    _millimetres(tmp_path / "depth/a.png")
    with pytest.raises(DataError, match=message):
        list(SPEC.rows(tmp_path, "all", **options))


def test_pictures_of_one_place_stay_on_one_side(tmp_path):
    for scene in range(10):
        for view in range(3):
            _picture(tmp_path / f"images/{scene}/{view}.png")
            _millimetres(tmp_path / f"depth/{scene}/{view}.png")
    rest, held = (list(SPEC.rows(tmp_path, s, held_out=0.2)) for s in ("rest", "held_out"))
    assert (len(rest), len(held)) == (24, 6)
    assert not {row.scene for row in rest} & {row.scene for row in held}


def test_without_folders_single_pictures_are_held_out(tmp_path):
    for view in range(10):
        _picture(tmp_path / f"images/{view}.png")
        _millimetres(tmp_path / f"depth/{view}.png")
    rest, held = (list(SPEC.rows(tmp_path, s)) for s in ("rest", "held_out"))
    assert (len(rest), len(held)) == (9, 1)
    assert {row.key for row in (*rest, *held)} == {f"{view}.png" for view in range(10)}


def test_all_is_for_training_if_nothing_is_held_out(tmp_path):
    _picture(tmp_path / "images/a.png")
    _millimetres(tmp_path / "depth/a.png")
    assert len(list(SPEC.rows(tmp_path, "rest"))) == 1  # one pair cannot be divided
    rows, _ = SPEC.survey(tmp_path, "rest", held_out=0.0)
    assert len(rows) == 1
