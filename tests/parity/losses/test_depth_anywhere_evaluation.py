"""`depth_anywhere_released` and `unifuse_released` against numbers of the released evaluators."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pano_losses import alignment, berhu, evaluate, protocols

HERE = Path(__file__).parent
EXPECTED = json.loads((HERE / "depth_anywhere_scalars.json").read_text())
NAMES = {
    "mae": "mae",
    "mre": "absrel",
    "abs_": "mae",
    "abs_rel": "absrel",
    "sq_rel": "sqrel",
    "rms": "rmse",
    "log_rms": "rmse_log",
    "rms_log": "rmse_log",
    "log10": "log10",
    "a1": "delta1",
    "a2": "delta2",
    "a3": "delta3",
}


@pytest.fixture(scope="module")
def maps():
    z = np.load(HERE / "depth_anywhere_metrics.npz")
    depth = np.load(HERE / "depth_anywhere_depth.npz")["depth"]
    return torch.from_numpy(z["gt"]), torch.from_numpy(z["disparity"]), torch.from_numpy(depth)


def _agree(found, expected):
    for name, value in expected.items():
        assert found[NAMES[name]] == pytest.approx(value, rel=1e-6, abs=1e-6), name


@pytest.mark.parametrize(
    ("rows", "case"), [(0, "eval_affine_inv_crop0"), (68, "eval_affine_inv_crop68")]
)
def test_affine_invariant_evaluator_agrees(maps, rows, case):
    gt, disparity, _ = maps
    rules = replace(protocols["depth_anywhere_released"], crop={"stanford2d3d": rows / 192})
    prediction = {"disparity_affine": disparity}
    _agree(evaluate(prediction, gt, gt > 0, rules, dataset="stanford2d3d"), EXPECTED[case])


def test_stanford_loses_68_of_512_rows():
    assert protocols["depth_anywhere_released"].crop == {"stanford2d3d": 68 / 512}


def test_least_squares_in_disparity_agrees(maps):
    gt, disparity, _ = maps
    valid = (gt > 0) & (gt <= 10)
    fit = alignment.least_squares_scale_shift(disparity.double(), 1 / gt.double(), valid)
    np.testing.assert_allclose(
        [fit.scale.item(), fit.shift.item()], EXPECTED["eval_scale_shift_crop0"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("rule", "case"), [(alignment.none, "False"), (alignment.median_lower, "True")]
)
def test_unifuse_evaluator_agrees(maps, rule, case):
    gt, _, depth = maps
    rules = replace(protocols["unifuse_released"], alignment=rule)
    _agree(evaluate(depth, gt, gt > 0, rules), EXPECTED[f"unifuse_depth_metrics_median_{case}"])


def test_unifuse_10m_scores_far_predictions_worse_than_the_release(maps):
    gt, _, depth = maps
    right, released = (evaluate(depth, gt, gt > 0, p) for p in ("unifuse_10m", "unifuse_released"))
    assert right["absrel"] > released["absrel"] + 0.005
    expected = EXPECTED["da_depth_metrics_median_False"]["abs_rel"]  # the same clamps, done right
    assert right["absrel"] == pytest.approx(expected, rel=1e-6)


def test_unifuse_berhu_agrees(maps):
    gt, _, depth = maps
    found = berhu(depth, gt, (gt > 0) & (gt <= 10)).value.item()
    assert found == pytest.approx(EXPECTED["unifuse_berhu"], rel=1e-6)


def test_bifuse_reverse_huber_agrees(maps):
    gt, _, depth = maps
    found = berhu(depth, gt, gt > 0, switch="image").value.item()
    assert found == pytest.approx(EXPECTED["bifusepp_reverse_huber"], rel=1e-6)
