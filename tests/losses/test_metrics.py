import pytest
import torch

from pano_losses import metrics

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
