"""The out-painter that knows the surroundings of a picture."""

import numpy as np
import pytest

from pano_data import DataError, datasets
from pano_data.curation import P2E, OracleOutpainter
from pano_data.curation.dataset import CuratedDataset
from pano_data.manifest import manifest_of
from pano_data.reader import ManifestDataset
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio, WorldStudio


def test_the_oracle_continues_the_picture(tmp_path):
    """Where P2E shows the picture, the turned panorama shows the same: so it does around it."""
    studio = WorldStudio("indoor", "hypersim", 3)
    miniatures.write(
        "hypersim",
        tmp_path,
        scenes={"train": 3},
        size=(96, 128),
        surroundings=(128, 256),
        studio=studio,
    )
    rows = list(datasets.get("hypersim").rows(tmp_path, "train"))
    pictures = ManifestDataset(manifest_of(rows), tmp_path, size=(96, 128))
    bare = CuratedDataset(pictures, P2E((128, 256)), None, seed=1)
    full = CuratedDataset(pictures, P2E((128, 256)), OracleOutpainter(), seed=1)
    for index in range(len(rows)):
        black, painted = bare[index]["image"], full[index]["image"]
        known = black.sum(0) > 0
        assert (painted[:, known] == black[:, known]).all()
        assert (painted.sum(0) > 0).float().mean() > 0.99
        # Beyond the picture's border the panorama continues without a step of brightness.
        true = OracleOutpainter()._turned(full._part(index).source, (128, 256))
        assert (true[:, known] - black[:, known]).abs().median() < 0.03
        turned = true.roll(9, -1)
        assert (turned[:, known] - black[:, known]).abs().median() > 0.03


def test_missing_surroundings_are_told(tmp_path):
    miniatures.write("hypersim", tmp_path, scenes={"train": 1}, studio=BoxStudio())
    rows = list(datasets.get("hypersim").rows(tmp_path, "train"))
    pictures = ManifestDataset(manifest_of(rows), tmp_path, size=(48, 64))
    curated = CuratedDataset(pictures, P2E((64, 128)), OracleOutpainter())
    with pytest.raises(DataError, match=r"no surroundings of .*render the data set with"):
        curated[0]


def test_an_oracle_without_a_source_refuses():
    with pytest.raises(DataError, match="call paint_sources"):
        OracleOutpainter().paint(np.zeros(0), np.zeros(0), [], [])
