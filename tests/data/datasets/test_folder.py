import numpy as np
import pytest
from PIL import Image

from pano_data import datasets
from pano_data.io.encode import write_png
from pano_data.io.paths import list_files
from pano_data.manifest import manifest_of, write_manifest
from pano_data.reader import ManifestDataset
from tests.data.datasets.trees import build
from tests.data.io.pictures.photo_sphere import crop_xmp


def test_unlabelled_worlds_have_no_mask_of_the_renderer(tmp_path):
    spec = build("dap2m_unlabelled", tmp_path, views=2)
    rows = list(spec.rows(tmp_path, "unlabelled"))
    assert rows
    assert not any(row.mask or row.depth for row in rows)


@pytest.mark.parametrize("name", ["folder", "spatialaudiogen"])
def test_masks_reach_the_sample(tmp_path, name):
    spec = build(name, tmp_path, views=2)
    rows = list(spec.rows(tmp_path, "unlabelled"))
    masked = [r for r in rows if r.mask]
    assert masked
    assert (len(masked) < len(rows)) == (name == "spatialaudiogen")
    data = ManifestDataset(manifest_of(rows), tmp_path, size=(16, 32))
    for sample, row in zip(data, data.manifest, strict=True):
        assert not sample["valid"].any()
        kept = sample["keep"].float().mean()
        assert (0.5 < kept < 0.95) if row.mask else kept == 1


def test_anything_that_is_no_panorama_is_left_out(tmp_path, caplog):
    spec = build("folder", tmp_path)
    write_png(tmp_path / "images" / "flat.png", np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "images" / "page.png").write_text("<html>")
    (tmp_path / "images" / "link.jpg").symlink_to("gone.jpg")
    assert len(list(spec.rows(tmp_path, "unlabelled"))) == 1
    assert "1 left out: not 2:1" in caplog.text
    assert "1 left out: not an image" in caplog.text
    assert "1 left out: cannot be opened (No such file or directory)" in caplog.text


def test_names_in_other_encodings(tmp_path, caplog, monkeypatch):
    spec = build("folder", tmp_path)
    images = tmp_path / "images"
    write_png(images / "Straße 深度.png", np.zeros((8, 16, 3), np.uint8))
    # How Python shows the byte 0xDF; not every file system lets a test write such a name.
    odd = images / "Stra\udcdfe.png"

    def listed(root, wanted):
        listing = list_files(root, wanted)
        listing.files.append(odd)
        return listing

    monkeypatch.setattr("pano_data.datasets.folder.list_files", listed)
    rows = write_manifest(tmp_path / "m.parquet", spec.rows(tmp_path, "unlabelled"))
    assert [row.key for row in rows] == ["000000/000000.jpg", "Straße 深度.png"]
    assert "1 left out: name is not UTF-8" in caplog.text
    assert "Stra\\udcdfe.png" in caplog.text  # a log file takes no half surrogates


def test_a_bare_folder_of_pictures(tmp_path):
    write_png(tmp_path / "a" / "x.png", np.zeros((8, 16, 3), np.uint8))
    write_png(tmp_path / "x.png", np.zeros((8, 16, 3), np.uint8))
    rows = list(datasets.get("folder").rows(tmp_path, "unlabelled"))
    assert [(r.key, r.image) for r in rows] == [("a/x.png", "a/x.png"), ("x.png", "x.png")]


def test_linked_folders_are_read_and_hidden_files_are_counted(tmp_path, caplog):
    write_png(tmp_path / "root" / "images" / "a.png", np.zeros((8, 16, 3), np.uint8))
    write_png(tmp_path / "disk2" / "b.png", np.zeros((8, 16, 3), np.uint8))
    (tmp_path / "root" / "images" / "part1").symlink_to(tmp_path / "disk2")
    (tmp_path / "root" / "images" / "._a.png").write_bytes(b"what macOS leaves")
    rows = list(datasets.get("folder").rows(tmp_path / "root", "unlabelled"))
    assert [r.key for r in rows] == ["a.png", "part1/b.png"]
    assert "1 left out: hidden" in caplog.text


def test_any_format_and_any_rounding_of_2_to_1(tmp_path, caplog):
    grey = np.random.default_rng(0).integers(0, 255, (101, 210, 3), np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.webp", lossless=True)
    Image.fromarray(grey).save(tmp_path / "b.tif")
    Image.fromarray(grey[:, :203]).save(tmp_path / "c.webp", lossless=True)
    rows = list(datasets.get("folder").rows(tmp_path, "unlabelled"))
    assert [r.key for r in rows] == ["c.webp"]
    assert "2 left out: not 2:1" in caplog.text
    (sample,) = ManifestDataset(manifest_of(rows), tmp_path)
    np.testing.assert_array_equal(
        (sample["image"] * 255).round().byte().permute(1, 2, 0).numpy(), grey[:, :203]
    )


def test_crops_and_turned_pictures_are_left_out(tmp_path, caplog):
    picture = Image.new("RGB", (64, 32), (90, 120, 60))
    picture.save(tmp_path / "whole.jpg")
    picture.save(tmp_path / "crop.jpg", xmp=crop_xmp((64, 128), (32, 64), (16, 32)))
    exif = picture.getexif()
    exif[0x0112] = 3
    picture.save(tmp_path / "turned.jpg", exif=exif)
    rows = list(datasets.get("folder").rows(tmp_path, "unlabelled"))
    assert [r.key for r in rows] == ["whole.jpg"]
    assert "1 left out: a crop of the sphere" in caplog.text
    assert "1 left out: turned by EXIF" in caplog.text
