import json

import h5py
import numpy as np
import pytest
import torch

from pano_data import datasets
from pano_data.curation import P2E, CuratedDataset, ReflectionOutpainter
from pano_data.errors import CorruptSampleError
from pano_data.manifest import manifest_of
from pano_data.reader import ManifestDataset
from pano_data.sample import validate_sample
from pano_data.shards import ShardDataset, finish, pack
from pano_worlds import miniatures


@pytest.fixture(scope="module")
def perspective(tmp_path_factory):
    root = tmp_path_factory.mktemp("vkitti2")
    miniatures.write("vkitti2", root, seed=1, scenes={"train": 1}, views=2, size=(48, 160))
    rows = list(datasets.get("vkitti2").rows(root, "train"))[:4]
    return ManifestDataset(manifest_of(rows), root)


def test_samples_are_panoramas(perspective):
    curated = CuratedDataset(perspective, P2E((64, 128)), ReflectionOutpainter(), seed=3)
    for index in range(len(curated)):
        sample = curated[index]
        validate_sample(sample)
        assert sample["image"].shape == (3, 64, 128)
        assert 0.005 < sample["valid"].float().mean() < 0.2
        assert sample["image"].amax(0).min() > 0  # nothing left black


def test_without_outpainting_the_rest_is_black(perspective):
    sample = CuratedDataset(perspective, P2E((64, 128)))[0]
    assert (sample["image"].sum(0) == 0).float().mean() > 0.8


def test_a_row_is_a_function_of_seed_and_number(perspective):
    one, two = (CuratedDataset(perspective, P2E((64, 128)), seed=s) for s in (3, 4))
    again = CuratedDataset(perspective, P2E((64, 128)), seed=3)
    one[1]
    assert torch.equal(one[0]["distance"], again[0]["distance"])
    assert not torch.equal(one[0]["distance"], two[0]["distance"])


def test_curated_rows_go_into_shards(perspective, tmp_path):
    curated = CuratedDataset(perspective, P2E((64, 128)), ReflectionOutpainter())
    pack(curated, tmp_path, chunk=2)
    finish(tmp_path)
    assert len(ShardDataset(tmp_path)) == len(perspective)


def test_hardly_a_label_is_refused(perspective):
    p2e = P2E((64, 128), profile="da2_linear_fov", fov_x_deg=2)
    with pytest.raises(CorruptSampleError, match="hardly a label"):
        CuratedDataset(perspective, p2e)[0]


class Together(ReflectionOutpainter):
    """Paints three at a time and counts."""

    batch_size = 3

    def __init__(self):
        super().__init__()
        self.batches = []

    def paint(self, images, known, environments, seeds):
        self.batches.append(len(images))
        assert len(set(seeds)) == len(seeds)
        return super().paint(images, known, environments, seeds)


def test_rows_are_painted_together_and_equal_those_painted_alone(perspective):
    painter = Together()
    together = CuratedDataset(perspective, P2E((64, 128)), painter, seed=3)
    alone = CuratedDataset(perspective, P2E((64, 128)), ReflectionOutpainter(), seed=3)
    for index, row in zip([3, 0, 2, 1], together.rows([3, 0, 2, 1]), strict=True):
        assert torch.equal(row["image"], alone[index]["image"])
        assert row["key"] == alone[index]["key"]
    assert painter.batches == [3, 1]


def test_a_damaged_row_comes_as_its_error_and_stops_no_other(perspective):
    class Damaged:
        manifest = perspective.manifest
        root = perspective.root

        def __len__(self):
            return len(perspective)

        def __getitem__(self, index):
            if index == 1:
                raise CorruptSampleError("1.png", "truncated", "got 10 bytes")
            return perspective[index]

    painter = Together()
    rows = list(CuratedDataset(Damaged(), P2E((64, 128)), painter).rows(range(4)))
    assert [isinstance(row, CorruptSampleError) for row in rows] == [False, True, False, False]
    assert painter.batches == [2, 1]


def test_pictures_with_a_hole_are_left_out_where_labels_must_be_complete(tmp_path):
    """Hypersim: DA² counts 39,649 pictures, those without a single NaN."""
    miniatures.write("hypersim", tmp_path, seed=1, scenes={"train": 3}, views=1, size=(24, 32))
    rows = list(datasets.get("hypersim").rows(tmp_path, "train"))
    for row in rows:
        with h5py.File(tmp_path / row.depth, "r+") as file:
            file["dataset"][...] = np.nan_to_num(file["dataset"][()], nan=3.0)  # a shut window
    with h5py.File(tmp_path / rows[1].depth, "r+") as file:
        file["dataset"][5, 7] = np.nan
    pictures = ManifestDataset(manifest_of(rows), tmp_path)
    kept, every = (
        CuratedDataset(pictures, P2E((64, 128)), complete=complete) for complete in (True, False)
    )
    pack(kept, tmp_path / "kept")
    finish(tmp_path / "kept")
    keys = json.loads((tmp_path / "kept/keys.json").read_text())
    assert sorted(keys) == sorted([rows[0].key, rows[2].key])
    left_out = json.loads((tmp_path / "kept/left_out.json").read_text())
    assert "no label" in str(left_out)
    every[1]  # without the rule the picture is one like any other
