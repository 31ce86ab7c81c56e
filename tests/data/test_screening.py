import numpy as np
import pytest

from pano_data import datasets
from pano_data.io.encode import write_png
from pano_data.manifest import manifest_of
from pano_data.screening import screen_manifest
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


@pytest.fixture
def tree(tmp_path):
    miniatures.write(
        "structured3d", tmp_path, scenes={"train": 5}, size=(8, 16), studio=BoxStudio()
    )
    manifest = manifest_of(datasets.get("structured3d").rows(tmp_path, "train"))
    (tmp_path / manifest[1].image).unlink()
    write_png(tmp_path / manifest[2].depth, np.zeros((8, 16), np.uint16))
    write_png(tmp_path / manifest[4].depth, np.ones((4, 8), np.uint16))
    return tmp_path, manifest


def test_usable_and_corrupt_rows_are_parted(tree):
    root, manifest = tree
    usable, corrupt = screen_manifest(manifest, root)
    assert list(usable) == [manifest[0], manifest[3]]
    assert [(c.key, c.reason) for c in corrupt] == [
        (manifest[1].key, "missing"),
        (manifest[2].key, "no valid pixel"),
        (manifest[4].key, "size mismatch"),
    ]


def test_incomplete_labels_can_be_left_out(tree):
    root, manifest = tree
    depth = np.full((8, 16), 500, np.uint16)
    depth[0, 0] = 0
    write_png(root / manifest[3].depth, depth)
    usable, corrupt = screen_manifest(manifest, root, min_valid=1)
    assert list(usable) == [manifest[0]]
    assert (corrupt[2].reason, corrupt[2].detail) == ("incomplete", "99.22% of the label is known")
    assert len(screen_manifest(manifest, root, min_valid=0.9)[0]) == 2


@pytest.mark.slow  # 8 s: two fresh interpreters
def test_processes_change_nothing(tree):
    root, manifest = tree
    assert screen_manifest(manifest, root, workers=2) == screen_manifest(manifest, root)
