"""`dap_released` and `dap_metric` against numbers of DAP's released evaluator."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pano_losses import evaluate, protocols
from pano_losses.evaluation import score_images

EXPECTED = json.loads((Path(__file__).parent / "dap_metrics.json").read_text())
NAMES = {
    "abs_": "mae",
    "abs_rel": "absrel",
    "sq_rel": "sqrel",
    "rms": "rmse",
    "log_rms": "rmse_log",
    "log10": "log10",
    "a1": "delta1",
    "a2": "delta2",
    "a3": "delta3",
}
CAPS = {"cap100": "deep360", "cap101": "stanford2d3d"}


@pytest.fixture
def maps():
    rng = np.random.Generator(np.random.PCG64(1001))
    shape = (4, 1, 32, 64)
    gt = np.exp(rng.uniform(np.log(0.3), np.log(150), shape)).astype(np.float32)
    gt[rng.random(shape) < 0.05] = 0
    noise = np.exp(rng.normal(0, 0.2, shape)).astype(np.float32)
    pred = np.clip((gt * noise + np.float32(0.05)) / np.float32(100), 1e-4, 1).astype(np.float32)
    prob = rng.random(shape).astype(np.float32)
    prob[gt < 60] *= np.float32(0.5)
    sums = EXPECTED["input_check"]
    assert gt.astype(float).sum() == pytest.approx(sums["gt_sum"])
    assert pred.astype(float).sum() == pytest.approx(sums["pred_sum"])
    assert prob.astype(float).sum() == pytest.approx(sums["prob_sum"])
    prediction = {
        "distance_metric": torch.from_numpy(pred).double() * 100,
        "far_probability": torch.from_numpy(prob),
    }
    target = torch.from_numpy(gt)
    return prediction, target, target > 0


@pytest.mark.parametrize("cap", sorted(CAPS))
def test_every_image_agrees_with_the_release(maps, cap):
    rules, dataset = protocols["dap_released"], CAPS[cap]
    scores = score_images(*maps, rules, dataset=dataset)
    values = scores.values(rules)
    assert scores.pixels.tolist() == EXPECTED[cap]["valid_pixels"]
    for i, row in enumerate(EXPECTED[cap]["per_image"]):
        for name, value in zip(EXPECTED[cap]["names"], row, strict=True):
            assert values[NAMES[name]][i].item() == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("cap", sorted(CAPS))
def test_means_agree_with_the_release(maps, cap):
    found = evaluate(*maps, "dap_released", dataset=CAPS[cap])
    for name, value in zip(EXPECTED[cap]["names"], EXPECTED[cap]["average"], strict=True):
        assert found[NAMES[name]] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("cap", sorted(CAPS))
def test_dap_metric_has_the_true_rmse_in_metres(maps, cap):
    found = evaluate(*maps, "dap_metric", dataset=CAPS[cap])
    extra = EXPECTED[cap]["extra_not_official"]
    assert found["rmse"] == pytest.approx(extra["true_rmse_metres_mean"], rel=1e-6)
    released = evaluate(*maps, "dap_released", dataset=CAPS[cap])
    assert found["mae"] == pytest.approx(100 * released["rmse"], rel=1e-6)


def test_far_marked_by_the_data_counts_like_truth_beyond_range(maps):
    prediction, target, valid = maps
    far = target > 100
    marked = evaluate(
        prediction,
        torch.where(far, 0.0, target),
        valid & ~far,
        "dap_released",
        far=far,
        dataset="deep360",
    )
    assert marked == evaluate(*maps, "dap_released", dataset="deep360")
