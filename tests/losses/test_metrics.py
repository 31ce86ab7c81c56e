import math

import pytest
import torch

from pano_losses import metrics
from pano_losses.metrics import SEAM, pole_neighbours, seam_neighbours

from . import oracle


@pytest.mark.parametrize("weighted", [False, True])
def test_standard_metrics_equal_the_oracle(maps, weighted):
    rows = torch.tensor(oracle.solid_angle_rows(12, 24))[:, None] if weighted else None
    for name, metric in metrics.STANDARD.items():
        found = metric.per_image(*maps, rows)
        for i in range(3):
            keep = maps.valid[i, 0]
            w = (rows * torch.ones(12, 24))[keep].numpy() if weighted else None
            p, t = (x[i, 0][keep].numpy() for x in maps[:2])
            assert found[i].item() == pytest.approx(oracle.metrics(p, t, w)[name], abs=1e-12), name


def test_a_perfect_prediction_scores_zero_error_and_full_accuracy(maps):
    for name, metric in metrics.STANDARD.items():
        expected = 1.0 if name.startswith("delta") else 0.0
        assert (metric.per_image(maps.target, maps.target, maps.valid) == expected).all(), name


def test_prediction_and_truth_are_not_interchangeable():
    one, two = torch.full((1, 1, 1, 2), 1.0), torch.full((1, 1, 1, 2), 2.0)
    valid = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    assert metrics.absrel.per_image(one, two, valid) == 0.5
    assert metrics.absrel.per_image(two, one, valid) == 1.0
    assert metrics.sqrel.per_image(one, two, valid) == 0.5


def test_delta_is_strict():
    truth = torch.full((1, 1, 1, 1), 4.0)
    valid = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    assert metrics.delta1.per_image(truth * 1.25, truth, valid) == 0.0
    assert metrics.delta1.per_image(truth * 1.2499, truth, valid) == 1.0


def test_rmse_is_not_the_mean_absolute_error():
    truth = torch.full((1, 1, 1, 2), 2.0)
    prediction = torch.tensor([[[[2.0, 6.0]]]])
    valid = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    assert metrics.mae.per_image(prediction, truth, valid) == 2.0
    assert metrics.rmse.per_image(prediction, truth, valid).item() == pytest.approx(8**0.5)


def test_silog_ignores_scale_and_equals_the_spread_of_the_log_ratio(maps):
    a = metrics.silog.per_image(*maps)
    b = metrics.silog.per_image(7 * maps.prediction, maps.target, maps.valid)
    torch.testing.assert_close(a, b)
    keep = maps.valid[0]
    log = (maps.prediction[0][keep] / maps.target[0][keep]).log()
    assert a[0].item() == pytest.approx(100 * log.std(correction=0).item(), rel=1e-12)


def test_an_empty_image_has_no_value(maps):
    valid = maps.valid.clone()
    valid[2] = False
    for metric in metrics.STANDARD.values():
        found = metric.per_image(maps.prediction, maps.target, valid)
        assert found[2].isnan()
        assert found[:2].isfinite().all()


TARGET = torch.full((1, 1, 16, 32), 2.0, dtype=torch.float64)
VALID = torch.ones(1, 1, 16, 32, dtype=torch.bool)


def _scores(prediction, valid=VALID):
    return {n: m.per_image(prediction, TARGET, valid).item() for n, m in SEAM.items()}


def test_a_ramp_around_the_horizon_jumps_at_the_seam_only():
    # ln p grows from 0 to 1 in 31 equal steps, then falls back at once.
    ramp = TARGET * torch.linspace(0, 1, 32, dtype=torch.float64).exp()
    scores = _scores(ramp)
    assert scores["seam_jump"] == pytest.approx(1.0)
    assert scores["seam_ratio"] == pytest.approx(31.0)
    # Pixels half a turn apart differ by 16 of 31 steps.
    assert scores["pole_jump"] == pytest.approx(16 / 31)


def test_a_smooth_wave_has_no_seam():
    lon = (torch.arange(32, dtype=torch.float64) + 0.5) / 32 * 2 * math.pi
    row = torch.sin((torch.arange(16, dtype=torch.float64) + 0.5) / 16 * math.pi) ** 2
    wave = TARGET * (0.1 * torch.sin(lon) * row[:, None]).exp()
    scores = _scores(wave)
    assert scores["seam_ratio"] < 2  # the steepest place of a sine against its mean slope: pi / 2
    assert scores["pole_ratio"] < 1


def test_jumps_of_the_truth_do_not_count_and_scale_is_free():
    stepped = TARGET.clone()
    stepped[..., 16:] = 7.0
    for metric in (SEAM["seam_jump"], SEAM["pole_jump"]):
        assert metric.per_image(3 * stepped, stepped, VALID).item() == pytest.approx(0, abs=1e-15)


def test_neighbours_are_those_of_the_sphere():
    index = torch.arange(16 * 32).reshape(1, 1, 16, 32)
    here, there = seam_neighbours(index)
    assert (here - there == 31).all()  # same row, last against first column
    assert here.shape == (1, 1, 16, 1)
    here, there = pole_neighbours(index)
    assert here[0, 0, 0].tolist() == list(range(16))  # first row against itself half a turn on
    assert (there - here == 16).all()
    assert here[0, 0, 1, 0] == 15 * 32


def test_a_seam_without_valid_pixels_has_no_value():
    valid = VALID.clone()
    valid[..., 0] = False
    scores = _scores(TARGET * 1.1, valid)
    assert math.isnan(scores["seam_jump"])
    assert math.isnan(scores["seam_ratio"])
    assert scores["pole_jump"] == 0
