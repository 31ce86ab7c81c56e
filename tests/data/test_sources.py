import dataclasses

import numpy as np
import pytest
import torch

from pano_data import datasets
from pano_data.errors import DataError
from pano_data.io.encode import write_png
from pano_data.manifest import write_manifest
from pano_data.sources import Source
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio
from tests.data.synthetic import Numbered


@pytest.fixture
def masked(tmp_path):
    """A labelled set whose rows have masks: their right half shows no scene."""
    miniatures.write("structured3d", tmp_path, scenes={"train": 1}, studio=BoxStudio())
    write_png(tmp_path / "half.png", np.repeat([[255, 0]], [64, 64], 1).repeat(64, 0).astype("u1"))
    (row,) = datasets.get("structured3d").rows(tmp_path, "train")
    write_manifest(tmp_path / "m.parquet", [dataclasses.replace(row, mask="half.png")])
    return tmp_path, row


def test_the_mask_of_a_row_holds_without_its_label(masked):
    root, _ = masked
    source = Source(manifest=str(root / "m.parquet"), root=str(root))
    labelled, hidden = (source.open((32, 64), labelled)[0] for labelled in (True, False))
    assert labelled["distance"].max() > 0
    assert hidden["distance"].max() == 0
    left = (torch.arange(64) < 32).expand(1, 32, 64)
    assert torch.equal(labelled["valid"], left)
    assert torch.equal(hidden["valid"], left)
    assert "keep" not in hidden


def test_a_damaged_label_does_not_matter_where_it_is_hidden(masked):
    root, row = masked
    (root / row.depth).write_bytes(b"nothing")
    source = Source(manifest=str(root / "m.parquet"), root=str(root))
    assert source.open((32, 64), labelled=False)[0]["valid"].any()


def test_ground_truth_of_any_data_set_is_hidden():
    sample = Source(dataset=Numbered(3)).open(None, labelled=False)[1]
    assert sample["distance"].abs().max() == 0
    assert sample["valid"].all()
    assert not sample["far"].any()


@pytest.mark.parametrize("labelled", [True, False])
def test_perspective_pictures_are_no_panoramas(tmp_path, labelled):
    miniatures.write("vkitti2", tmp_path, scenes={"train": 1}, studio=BoxStudio())
    write_manifest(tmp_path / "m.parquet", datasets.get("vkitti2").rows(tmp_path, "train"))
    source = Source(manifest=str(tmp_path / "m.parquet"), root=str(tmp_path))
    with pytest.raises(DataError, match="holds 4 perspective pictures"):
        source.open((32, 64), labelled)
