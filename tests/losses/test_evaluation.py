import numpy as np
import pytest
import torch

from pano_losses import evaluate, protocols

from . import oracle


def _expected(maps, weights=None):
    """Median-aligned metrics, mean over images."""
    rows = []
    for i in range(len(maps.target)):
        keep = maps.valid[i, 0]
        p, t = (x[i, 0][keep].numpy() for x in maps[:2])
        if weights is None:
            w, scale = None, np.median(t) / np.median(p)
        else:
            w = np.broadcast_to(weights[:, None], (12, 24))[keep.numpy()]
            scale = oracle.weighted_median(t, w) / oracle.weighted_median(p, w)
        rows.append(oracle.metrics(scale * p, t, w))
    return {name: np.mean([row[name] for row in rows]) for name in rows[0]}


def test_da2_paper_equals_the_oracle(maps):
    found, expected = evaluate(*maps, "da2_paper"), _expected(maps)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_solid_angle_median_equals_the_oracle(maps):
    found = evaluate(*maps, "solid_angle_median")
    for name, value in _expected(maps, oracle.solid_angle_rows(12, 24)).items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_metric_forgives_nothing(maps):
    assert evaluate(2 * maps.target, *maps[1:], "metric")["absrel"] == pytest.approx(1.0)
    assert evaluate(2 * maps.target, *maps[1:], "da2_paper")["absrel"] == pytest.approx(0.0)


def test_a_result_carries_its_protocol(maps):
    scores = evaluate(*maps, "metric")
    assert scores.protocol == "metric"
    assert scores.record()["protocol"] == "metric"
    assert "[metric]" in repr(scores)
    assert all(isinstance(v, float) for v in scores.values())


def test_an_image_without_valid_pixels_is_skipped_and_counted(maps):
    valid = maps.valid.clone()
    valid[1] = False
    scores = evaluate(maps.prediction, maps.target, valid, "da2_paper")
    keep = [0, 2]
    alone = evaluate(*(x[keep] for x in maps), "da2_paper")
    assert scores == alone
    assert (scores.images_scored, scores.images_skipped) == (2, 1)


def test_no_valid_pixel_at_all_is_nan_and_counted(maps):
    scores = evaluate(maps.prediction, maps.target, torch.zeros_like(maps.valid), "metric")
    assert np.isnan(scores["absrel"])
    assert (scores.images_scored, scores.images_skipped) == (0, 3)


@pytest.mark.parametrize("name", sorted(protocols))
def test_poison_under_the_mask_changes_nothing(maps, name):
    kind = protocols[name].accepts[0]
    a, b = (
        evaluate({kind: m.prediction}, m.target, m.valid, name)
        for m in (maps.poisoned(1.0), maps.poisoned(float("nan")))
    )
    assert a == b


def test_affine_disparity_cannot_be_scored_as_metric(maps):
    with pytest.raises(
        ValueError, match=r"'metric' scores distance_metric, got \['disparity_affine'\]"
    ):
        evaluate({"disparity_affine": maps.prediction}, maps.target, maps.valid, "metric")


def test_shapes_that_differ_are_an_error(maps):
    with pytest.raises(ValueError, match="resize the prediction"):
        evaluate(maps.prediction[..., ::2], maps.target, maps.valid, "metric")
    with pytest.raises(ValueError, match=r"expected \(b, 1, h, w\)"):
        evaluate(maps.prediction[0], maps.target[0], maps.valid[0], "metric")


def test_a_mask_that_is_not_bool_is_an_error(maps):
    with pytest.raises(ValueError, match=r"expected torch\.bool"):
        evaluate(maps.prediction, maps.target, maps.valid.float(), "metric")


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_wrong_truth_inside_the_mask_is_an_error(maps, wrong):
    target = maps.target.clone()
    target[maps.valid] = torch.where(
        torch.arange(int(maps.valid.sum())) == 3, wrong, target[maps.valid]
    )
    with pytest.raises(ValueError, match="got 1 valid pixels with a true distance"):
        evaluate(maps.prediction, target, maps.valid, "metric")


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_prediction_that_is_not_finite_is_an_error(maps, wrong):
    with pytest.raises(ValueError, match="NaN or infinite"):
        evaluate(torch.full_like(maps.prediction, wrong), maps.target, maps.valid, "metric")


def test_an_unknown_protocol_lists_the_known_ones(maps):
    with pytest.raises(ValueError, match=r"expected one of.*da2_paper"):
        evaluate(*maps, "da3_paper")
