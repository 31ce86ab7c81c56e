"""DA2's losses against the printed equations, computed independently."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pano_losses import MedianAlignedL1, NormalL1
from pano_losses.reduction import reduce_pixels


def test_distance_loss_agrees_with_equation_9():
    z = np.load(Path(__file__).parent / "da2_losses.npz")
    pred, gt, mask = (
        torch.from_numpy(z[k])[None, None] for k in ("loss_pred", "loss_gt", "loss_mask")
    )
    found = MedianAlignedL1()(prediction=pred, target=gt, valid=mask).value
    assert found.item() == pytest.approx(float(z["eq9_L_dis"]), abs=1e-12)


@pytest.mark.parametrize(("components", "scale"), [("sum", 1.0), ("mean", 1 / 3)])
def test_normal_loss_reduces_as_equation_9(components, scale):
    z = np.load(Path(__file__).parent / "da2_losses.npz")
    found, true = (
        torch.from_numpy(z[k]).permute(2, 0, 1)[None] for k in ("loss_n_pred", "loss_n_gt")
    )
    mask = torch.from_numpy(z["loss_mask"])[None, None]
    value = reduce_pixels(scale * (found - true).abs().sum(1, keepdim=True), mask).value.item()
    assert value == pytest.approx(float(z[f"eq9_L_nor_{components}_over_xyz"]), abs=1e-12)


def test_weights_are_those_of_the_paper():
    z = np.load(Path(__file__).parent / "da2_losses.npz")
    total = (
        MedianAlignedL1().weight * z["eq9_L_dis"] + NormalL1().weight * z["eq9_L_nor_sum_over_xyz"]
    )
    assert total == pytest.approx(float(z["total_loss_sum_over_xyz"]), abs=1e-12)
