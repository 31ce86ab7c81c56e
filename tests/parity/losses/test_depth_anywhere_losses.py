"""The affine-invariant losses against numbers of Depth Anywhere's released code."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pano_losses import AffineInvariantL1, ViewAffineInvariantL1, WeightedSum, affine_invariant_l1
from pano_losses.affine import normalise_affine
from pano_losses.reduction import masked_median

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "depth_anywhere_scalars.json").read_text())


@pytest.fixture(scope="module")
def arrays():
    z = np.load(HERE / "depth_anywhere_losses.npz")
    return {name: torch.from_numpy(z[name]) for name in z.files}


def test_normalisation_agrees(arrays):
    disparity, valid = arrays["affinv_in"][:, None], arrays["affinv_mask"][:, None]
    found = normalise_affine(disparity, valid)
    np.testing.assert_allclose(
        found[:, 0].numpy(), (arrays["affinv_out"] * arrays["affinv_mask"]).numpy(), atol=1e-6
    )
    median = masked_median(disparity, valid, "lower")[:2].numpy()
    np.testing.assert_allclose(median, EXPECTED["affinv_median"], atol=1e-7)


def test_loss_and_gradient_agree(arrays):
    pred = arrays["aff2_pred"].clone().requires_grad_()
    loss = affine_invariant_l1(pred, arrays["aff2_gt"], arrays["aff2_mask"]).value
    assert loss.item() == pytest.approx(EXPECTED["aff2_loss"], abs=1e-6)
    (gradient,) = torch.autograd.grad(loss, pred)
    np.testing.assert_allclose(gradient.numpy(), arrays["aff2_grad"].numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "case", ["joint_no_mask", "joint_mask_intended", "joint_as_released_with_mask"]
)
def test_joint_loss_is_half_and_half(arrays, case):
    faces = arrays["joint_faces"]
    valid = {
        "joint_no_mask": torch.ones_like(faces, dtype=torch.bool),
        "joint_mask_intended": (faces > 0) & arrays["joint_sky_mask"],
        "joint_as_released_with_mask": faces > 0,
    }[case]
    losses = WeightedSum({"labelled": AffineInvariantL1(), "views": ViewAffineInvariantL1()})
    total, values = losses(
        prediction=arrays["joint_pred"][:2],
        target=arrays["joint_gt_disp"],
        valid=arrays["joint_val_mask"],
        view_prediction=arrays["joint_pred_disp_cube"],
        view_target=faces,
        view_valid=valid,
    )
    expected = EXPECTED[case]
    assert int(valid.sum()) == expected["mask_count"]
    assert values["labelled"].item() == pytest.approx(expected["loss_equi"], abs=1e-6)
    assert values["views"].item() == pytest.approx(expected["loss_cube"], abs=1e-6)
    assert total.item() == pytest.approx(expected["loss"], abs=1e-6)
