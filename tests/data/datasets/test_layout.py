from pathlib import Path

import numpy as np

from pano_data.datasets.layout import files, folders, readable_size, relative, top
from pano_data.io.encode import write_png


def test_top_prefers_the_folder_of_the_archive(tmp_path):
    assert top(tmp_path, "Structured3D") == tmp_path
    (tmp_path / "b" / "c").mkdir(parents=True)
    assert top(tmp_path, "a", "b/c", "b") == tmp_path / "b" / "c"


def test_listing_is_sorted_and_ignores_hidden_files_and_missing_folders(tmp_path):
    for name in ("b.png", "a.png", "._a.png", "c.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "d.png").mkdir()
    assert [p.name for p in files(tmp_path, "*.png")] == ["a.png", "b.png"]
    assert [p.name for p in folders(tmp_path)] == ["d.png"]
    assert not list(files(tmp_path / "none", "*"))
    assert not list(folders(tmp_path / "none"))


def test_paths_in_manifests_have_forward_slashes():
    assert relative(Path("/data/raw/a/b.png"), Path("/data/raw")) == "a/b.png"


def test_size_of_the_first_readable_image(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "b.png").write_bytes(b"<html>")
    assert readable_size(files(tmp_path, "*.png")) is None
    write_png(tmp_path / "c.png", np.zeros((4, 8), np.uint8))
    assert readable_size(files(tmp_path, "*.png")) == (4, 8)
    assert readable_size([tmp_path / "none.png", tmp_path / "c.png"]) == (4, 8)
