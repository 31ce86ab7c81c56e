import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d

from pano_data import DataError, datasets
from pano_data.curation import P2E, OracleOutpainter
from pano_data.curation.dataset import CuratedDataset
from pano_data.curation.outpaint import apply_around, fade_seam, pad_right
from pano_data.manifest import manifest_of
from pano_data.reader import ManifestDataset
from pano_worlds import miniatures
from pano_worlds.miniatures import BoxStudio, WorldStudio


def maps(width=12):
    return torch.rand(2, 3, 6, width, generator=torch.Generator().manual_seed(0))


def test_agreed_copies_are_one_and_continuous():
    wide = pad_right(maps(), 4)
    assert wide.shape[-1] == 16
    assert torch.equal(fade_seam(wide, 4), wide)  # copies that agree already stay
    other = wide.clone()
    other[..., -4:] = 9.0  # what the network made of the second copy
    found = fade_seam(other, 4)
    assert torch.equal(found[..., :4], found[..., -4:])
    assert (found[..., 0] == 9.0).all()  # continues from the right border
    assert torch.equal(found[..., 4:-4], wide[..., 4:-4])
    torch.testing.assert_close(found[..., 2], 0.5 * wide[..., 2] + 4.5)


def test_a_convolution_turns_with_its_picture():
    kernel = torch.rand(1, 3, 3, 3, generator=torch.Generator().manual_seed(1))

    def blur(x):
        return conv2d(x, kernel, padding=1)

    here, turned = (apply_around(blur, x, 2) for x in (maps(), maps().roll(5, -1)))
    assert here.shape == (2, 1, 6, 12)
    torch.testing.assert_close(turned, here.roll(5, -1))


def test_scaling_functions_are_cut_to_size():
    half = apply_around(lambda x: avg_pool2d(x, 2), maps(), 4)
    torch.testing.assert_close(half, avg_pool2d(maps(), 2))
    double = apply_around(lambda x: x.repeat_interleave(2, -1).repeat_interleave(2, -2), maps(), 2)
    assert torch.equal(double, maps().repeat_interleave(2, -1).repeat_interleave(2, -2))


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
        true = OracleOutpainter()._turn(full._project_row(index).source, (128, 256))
        assert (true[:, known] - black[:, known]).abs().median() < 0.03
        turned = true.roll(9, -1)
        assert (turned[:, known] - black[:, known]).abs().median() > 0.03


def test_missing_surroundings_are_reported(tmp_path):
    miniatures.write("hypersim", tmp_path, scenes={"train": 1}, studio=BoxStudio())
    rows = list(datasets.get("hypersim").rows(tmp_path, "train"))
    pictures = ManifestDataset(manifest_of(rows), tmp_path, size=(48, 64))
    curated = CuratedDataset(pictures, P2E((64, 128)), OracleOutpainter())
    with pytest.raises(DataError, match=r"no surroundings of .*render the data set with"):
        curated[0]


def test_an_oracle_without_a_source_refuses():
    with pytest.raises(DataError, match="call paint_sources"):
        OracleOutpainter().paint(np.zeros(0), np.zeros(0), [], [])
