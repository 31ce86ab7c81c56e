import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.utils.data import DataLoader

from pano_data import datasets
from pano_data.errors import CorruptSampleError, DataError
from pano_data.manifest import manifest_of
from pano_data.quarantine import CorruptEntry, Quarantine
from pano_data.reader import ManifestDataset
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio


@pytest.fixture
def tree(tmp_path):
    miniatures.write(
        "structured3d", tmp_path, scenes={"train": 4}, size=(8, 16), studio=BoxStudio()
    )
    return tmp_path, manifest_of(datasets.get("structured3d").rows(tmp_path, "train"))


def damage(root, row):
    (root / row.depth).write_bytes(b"\x89PNG\r\n\x1a\nnothing")


def test_without_quarantine_a_corrupt_sample_raises(tree):
    root, manifest = tree
    damage(root, manifest[1])
    with pytest.raises(CorruptSampleError):
        ManifestDataset(manifest, root)[1]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_next_row_stands_in_whatever_reads(tree, workers, caplog):
    root, manifest = tree
    damage(root, manifest[1])
    damage(root, manifest[3])
    data = ManifestDataset(manifest, root, quarantine=root / "q" / "corrupt.jsonl")
    with caplog.at_level(logging.WARNING):
        keys = [k for batch in DataLoader(data, 2, num_workers=workers) for k in batch["key"]]
    assert keys == [manifest[i].key for i in (0, 2, 2, 0)]
    entries = list(Quarantine(root / "q" / "corrupt.jsonl"))
    assert len(entries) == 2
    assert {e.key for e in entries} == {manifest[1].key, manifest[3].key}
    assert {(e.dataset, e.reason) for e in entries} == {("structured3d", "not an image")}
    if workers == 0:
        assert "quarantined structured3d" in caplog.text


def test_a_broken_data_set_is_an_error(tree):
    root, manifest = tree
    for row in manifest:
        damage(root, row)
    data = ManifestDataset(manifest, root, quarantine=root / "q.jsonl")
    with pytest.raises(CorruptSampleError, match="many corrupt samples: 8 in a row"):
        data[0]


def test_entries_are_whole_and_counted_once(tree):
    root, manifest = tree
    quarantine = Quarantine(root / "q.jsonl")
    assert list(quarantine) == []
    error = CorruptSampleError("d.png", "truncated", "x" * 3000)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: quarantine.add(manifest[i % 4], error), range(80)))
    assert len((root / "q.jsonl").read_text().splitlines()) == 80
    assert sorted(quarantine, key=lambda e: e.key) == [
        CorruptEntry(row.key, "truncated", "x" * 3000, "structured3d") for row in manifest
    ]


def test_a_damaged_file_is_an_error(tmp_path):
    (tmp_path / "q.jsonl").write_text('{"key": 1}\n')
    with pytest.raises(DataError, match="line 1 is no entry"):
        list(Quarantine(tmp_path / "q.jsonl"))
