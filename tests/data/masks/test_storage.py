import numpy as np
import pytest
import torch
from torch.utils.data import ConcatDataset

from pano_data.errors import CorruptSampleError, DataError, DatasetNotFoundError
from pano_data.manifest import Row, manifest_of
from pano_data.masks import MaskFolder, masked_rows, write_masks
from pano_data.quarantine import CorruptEntry, Quarantine
from pano_data.sample import validate_sample
from pano_data.sources import Masked
from tests.data.synthetic import Numbered


def test_round_trip_with_folders_in_the_key(tmp_path):
    valid = np.random.default_rng(0).random((8, 16)) > 0.5
    folder = MaskFolder(tmp_path)
    folder.write("house/view", valid)
    assert "house/view" in folder
    np.testing.assert_array_equal(folder.read("house/view"), valid)


def test_raises(tmp_path):
    folder = MaskFolder(tmp_path)
    with pytest.raises(DatasetNotFoundError, match="mask of 'x'"):
        folder.read("x")
    for key in ("../x", "/x", "a/../../x"):
        with pytest.raises(DataError, match="stays below"):
            folder.write(key, np.ones((2, 2), bool))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CorruptSampleError):
        folder.read("broken")


def left_half(rgb):
    return np.arange(rgb.shape[1])[None].repeat(rgb.shape[0], 0) < rgb.shape[1] // 2


def test_ranks_share_the_work_and_a_second_run_does_nothing(tmp_path):
    written = [write_masks(left_half, Numbered(5), tmp_path, rank, 2) for rank in (0, 1)]
    assert written == [3, 2]
    assert write_masks(left_half, Numbered(5), tmp_path) == 0


def test_rows_of_two_data_sets_do_not_share_a_mask(tmp_path):
    both = ConcatDataset([Numbered(2, "a"), Numbered(2, "b")])
    keys = [sample["key"] for sample in both]
    with pytest.raises(DataError, match="2 keys name several rows, for example '0000'"):
        write_masks(left_half, both, tmp_path, keys=keys)


def test_masked_samples(tmp_path):
    write_masks(left_half, Numbered(2), tmp_path)
    sample = Masked(Numbered(2, size=(8, 16)), tmp_path)[1]
    validate_sample(sample)
    assert sample["valid"][..., :8].all()
    assert not sample["valid"][..., 8:].any()
    assert torch.equal(sample["distance"] > 0, sample["valid"])


def test_images_with_too_little_left_are_dropped(tmp_path):
    folder = MaskFolder(tmp_path / "masks")
    for key, share in (("a", 19), ("b", 20), ("c", 100)):
        folder.write(key, np.arange(100).reshape(10, 10) < share)
    rows = [Row(key=k, dataset="d", split="train", scene=k, image=f"{k}.png") for k in "abcd"]
    assert masked_rows(manifest_of(rows), tmp_path, "out") is None  # d is not done yet
    Quarantine(tmp_path / "quarantine.jsonl").note(CorruptEntry("d", "truncated", "10 bytes", "d"))
    kept, dropped = masked_rows(manifest_of(rows), tmp_path, "out")
    assert [(row.key, row.mask) for row in kept] == [
        ("b", "out/masks/b.png"),
        ("c", "out/masks/c.png"),
    ]
    assert [(entry.key, entry.reason) for entry in dropped] == [
        ("a", "hardly usable"),
        ("d", "truncated"),
    ]
