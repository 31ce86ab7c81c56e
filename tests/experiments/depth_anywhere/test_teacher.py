"""A teacher of ours: what its folder says, alone or averaged with the mirrored view."""

import warnings
from pathlib import Path

import torch

import pano_models
from experiments.depth_anywhere.teacher import FolderTeacher

KEY = "disparity_affine"


def test_mirrored_opinions_are_averaged(tmp_path: Path) -> None:
    torch.manual_seed(0)
    pano_models.save(pano_models.create("perspective_unet", widths=(8, 8, 8, 8, 8)), tmp_path / "t")
    views = torch.rand(2, 3, 64, 64)
    plain = FolderTeacher(str(tmp_path / "t"))
    both = FolderTeacher(str(tmp_path / "t"), mirror=True)
    with torch.no_grad():
        one, other = plain(views)[KEY], plain(views.flip(-1))[KEY].flip(-1)
        found = both(views)[KEY]
        turned = both(views.flip(-1))[KEY]
    assert not torch.allclose(one, other)
    torch.testing.assert_close(found, (one + other) / 2)
    torch.testing.assert_close(turned, found.flip(-1))


def test_the_network_may_see_views_larger_than_they_are_cut(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = pano_models.create("perspective_unet", widths=(8, 8, 8, 8, 8))
    pano_models.save(net, tmp_path / "t", native_size=(96, 96))
    views = torch.rand(2, 3, 64, 64)
    seen: list[torch.Size] = []
    teacher = FolderTeacher(str(tmp_path / "t"), size=96)
    teacher.net.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")  # another size than the network's own is meant here
        FolderTeacher(str(tmp_path / "t"))(views)
        found = teacher(views)[KEY]
    assert seen == [(2, 3, 96, 96)]
    assert found.shape == (2, 1, 64, 64)
