from pathlib import Path

import numpy as np
import pytest

from pano_data import datasets
from pano_data.io.encode import write_png
from pano_data.manifest import manifest_of, write_manifest
from pano_data.reader import ManifestDataset
from tests.data.datasets.trees import build


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
    (tmp_path / "images" / "video.jpg").mkdir()
    assert len(list(spec.rows(tmp_path, "unlabelled"))) == 1
    assert "1 left out: not 2:1" in caplog.text
    assert "1 left out: not an image" in caplog.text
    assert "1 left out: cannot be opened (No such file or directory)" in caplog.text
    assert "1 left out: cannot be opened (Is a directory)" in caplog.text


def test_names_in_other_encodings(tmp_path, caplog, monkeypatch):
    spec = build("folder", tmp_path)
    images = tmp_path / "images"
    write_png(images / "Straße 深度.png", np.zeros((8, 16, 3), np.uint8))
    # How Python shows the byte 0xDF; not every file system lets a test write such a name.
    odd, listed = images / "Stra\udcdfe.png", Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda folder, what: [*listed(folder, what), odd])
    rows = write_manifest(tmp_path / "m.parquet", spec.rows(tmp_path, "unlabelled"))
    assert [row.key for row in rows] == ["000000/000000.jpg", "Straße 深度.png"]
    assert "1 left out: name is not UTF-8" in caplog.text
    assert "Stra\\udcdfe.png" in caplog.text  # a log file takes no half surrogates


def test_a_bare_folder_of_pictures(tmp_path):
    write_png(tmp_path / "a" / "x.png", np.zeros((8, 16, 3), np.uint8))
    write_png(tmp_path / "x.png", np.zeros((8, 16, 3), np.uint8))
    rows = list(datasets.get("folder").rows(tmp_path, "unlabelled"))
    assert [(r.key, r.image) for r in rows] == [("a/x.png", "a/x.png"), ("x.png", "x.png")]
