import math
from dataclasses import replace

import pytest
import torch

from pano_losses import alignment, evaluate, metrics, protocols, weighting
from pano_losses.evaluation import score_images
from pano_losses.protocol import ALL_KINDS

REQUIRED = [
    "metric",
    "da2_released",
    "da2_paper",
    "da2_paper_affine",
    "dap_released",
    "dap_metric",
    "dap_metric_unfilled",
    "depth_anywhere_released",
    "depth_anywhere_paper",
    "unifuse_released",
    "unifuse_10m",
    "panda_affine",
    "mean_ratio",
    "ls_scale",
    "weighted_l1",
    "solid_angle_median",
    "pano3d",
]
RELEASED = [name for name in protocols if name.endswith("_released")]


def test_every_protocol_is_there_under_its_id():
    assert set(REQUIRED) <= set(protocols)
    assert all(p.id == name for name, p in protocols.items())


@pytest.mark.parametrize("name", sorted(protocols))
def test_every_protocol_says_where_it_comes_from_and_what_it_accepts(name):
    rules = protocols[name]
    assert rules.source
    assert rules.description.endswith(".")
    assert set(rules.accepts) <= set(ALL_KINDS)


@pytest.mark.parametrize("name", sorted(protocols))
def test_mistakes_live_in_released_protocols_only(name):
    rules = protocols[name]
    assert bool(rules.known_defects) == name.endswith("_released")
    if not name.endswith("_released"):
        assert rules.defect is None
        assert rules.empty == "skip"
        assert not rules.decoding
        for metric, definition in metrics.STANDARD.items():
            assert rules.metrics.get(metric, definition) is definition


@pytest.mark.parametrize("name", sorted(protocols))
def test_a_perfect_prediction_is_perfect_under_every_protocol(name, generator):
    target = torch.rand(2, 1, 32, 64, generator=generator) * 3 + 0.5
    valid = torch.ones_like(target, dtype=torch.bool)
    kind = protocols[name].accepts[0]
    perfect = 1 / target if kind == "disparity_affine" else target
    scores = evaluate({kind: perfect}, target, valid, name)
    for metric, value in scores.items():
        full = metric.removeprefix("w_").startswith(("delta", "edge", "normal_within"))
        if not metric.endswith("_ratio"):
            assert value == pytest.approx(1.0 if full else 0.0, abs=2e-4), metric


@pytest.mark.parametrize(
    ("name", "forgiven"),
    [
        ("da2_paper", 3.0),
        ("da2_paper_affine", 3.0),
        ("unifuse_10m_median", 3.0),
        ("mean_ratio", 3.0),
        ("ls_scale", 3.0),
        ("weighted_l1", 3.0),
        ("panda_affine", 3.0),
        ("solid_angle_median", 3.0),
        ("da2_released", 3.0),
        ("metric", None),
        ("dap_metric", None),
        ("dap_metric_unfilled", None),
        ("unifuse_10m", None),
        ("pano3d", None),
        ("dap_released", None),
        ("unifuse_released", None),
    ],
)
def test_scale_is_forgiven_where_the_table_says_so(maps, name, forgiven):
    target = maps.target * 0.4
    scores = evaluate(3.0 * target, target, maps.valid, name)
    assert (scores["absrel"] < 1e-9) == (forgiven is not None)


def test_affine_disparity_is_forgiven_scale_and_shift(maps):
    disparity = {"disparity_affine": 0.2 / maps.target + 3}
    scores = evaluate(disparity, maps.target, maps.valid, "depth_anywhere_released")
    assert scores["absrel"] < 1e-9
    assert evaluate(disparity, maps.target, maps.valid, "depth_anywhere_paper")["absrel"] > 0.1


def test_the_affine_rule_of_da2_forgives_scale_and_shift_at_any_distance(maps):
    """Eq. 12 fits what a model returns, of whatever sign its slope; no pixel is beyond range."""
    target = maps.target + 9  # most of it farther than the 10 m of PanDA's rule
    distance = {"distance_scale_invariant": 0.3 * target - 2}
    assert evaluate(distance, target, maps.valid, "da2_paper_affine")["absrel"] < 1e-9
    assert score_images(distance, target, maps.valid, protocols["da2_paper_affine"]).pixels.equal(
        maps.valid.flatten(1).sum(1)
    )
    falling = {"disparity_affine": 30 - target}
    assert evaluate(falling, target, maps.valid, "da2_paper_affine")["absrel"] < 1e-9
    assert (
        evaluate({"disparity_affine": 1 / target}, target, maps.valid, "da2_paper_affine")["absrel"]
        > 1e-3
    )


def test_disparity_that_is_not_positive_is_far_except_as_released():
    target = torch.full((1, 1, 1, 4), 9.0, dtype=torch.float64)
    disparity = torch.tensor([[[[1 / 9, 1 / 9, 1 / 9, -1.0]]]], dtype=torch.float64)
    valid = torch.ones_like(target, dtype=torch.bool)
    paper = evaluate({"disparity_affine": disparity}, target, valid, "depth_anywhere_paper")
    assert paper["mae"] == pytest.approx((10 - 9) / 4)
    rules = replace(protocols["depth_anywhere_released"], alignment=alignment.none)
    released = evaluate({"disparity_affine": disparity}, target, valid, rules)
    assert released["mae"] == pytest.approx((9 - 0.1) / 4)


def test_the_release_of_unifuse_hides_far_predictions():
    target = torch.full((1, 1, 1, 2), 5.0)
    prediction = torch.tensor([[[[5.0, 30.0]]]])
    valid = torch.ones_like(target, dtype=torch.bool)
    released = evaluate(prediction, target, valid, "unifuse_released")
    assert released["absrel"] == pytest.approx(0.5 * (30 - 10) / 10)
    right = evaluate(prediction, target, valid, "unifuse_10m")
    assert right["absrel"] == pytest.approx(0.5 * (10 - 5) / 5)


def test_weighted_l1_has_the_lowest_absrel_of_all_scales(maps):
    best = evaluate(*maps, "weighted_l1")["absrel"]
    for name in ("da2_paper", "mean_ratio", "ls_scale"):
        assert best <= evaluate(*maps, name)["absrel"]
    fit = alignment.relative_l1_scale(*maps)
    for factor in (0.999, 1.001):
        moved = alignment.Alignment(fit.scale * factor, fit.shift).apply(maps.prediction)
        assert best < evaluate(moved, *maps[1:], replace(protocols["metric"], id="probe"))["absrel"]


def test_solid_angle_weights_are_used_in_median_and_metrics(maps):
    rules = protocols["solid_angle_median"]
    uniform = evaluate(*maps, replace(rules, weighting=weighting.uniform))
    assert uniform == evaluate(*maps, "da2_paper")
    assert evaluate(*maps, rules)["absrel"] != pytest.approx(uniform["absrel"], rel=1e-6)


@pytest.mark.parametrize("name", ["dap_metric", "dap_released"])
def test_far_pixels_count_on_outdoor_sets_only(name):
    target = torch.tensor([[[[50.0, 50.0, 0.0, 200.0]]]])
    valid = torch.tensor([[[[True, True, False, True]]]])
    far = torch.tensor([[[[False, False, True, True]]]])
    prediction = {
        "distance_metric": torch.full_like(target, 50.0),
        "far_probability": torch.tensor([[[[0.1, 0.6, 0.9, 0.2]]]]),
    }
    indoor = evaluate(prediction, target, valid, name, far=far, dataset="stanford2d3d")
    assert indoor["absrel"] == pytest.approx((0 + 1) / 2)  # the second pixel is filled with 100 m
    outdoor = evaluate(prediction, target, valid, name, far=far, dataset="deep360")
    assert outdoor["absrel"] == pytest.approx((0 + 1 + 0 + 0.5) / 4)


def test_without_the_fill_the_mask_changes_nothing_and_the_same_pixels_count():
    target = torch.tensor([[[[50.0, 50.0, 0.0, 200.0]]]])
    valid, far = target > 0, target == 0
    prediction = {
        "distance_metric": torch.full_like(target, 50.0),
        "far_probability": torch.tensor([[[[0.1, 0.6, 0.9, 0.2]]]]),
    }
    name = "dap_metric_unfilled"
    indoor = evaluate(prediction, target, valid, name, far=far, dataset="stanford2d3d")
    assert indoor["absrel"] == 0
    outdoor = evaluate(prediction, target, valid, name, far=far, dataset="deep360")
    assert outdoor["absrel"] == pytest.approx((0 + 0 + 0.5 + 0.5) / 4)


def test_averaging_by_pixel_pools_all_images(maps):
    valid = maps.valid.clone()
    valid[0, :, 3:] = False
    rules = replace(protocols["metric"], averaging="pixel")
    pooled = evaluate(maps.prediction, maps.target, valid, rules)
    p, t = maps.prediction[valid], maps.target[valid]
    assert pooled["absrel"] == pytest.approx(((p - t).abs() / t).mean().item(), rel=1e-12)
    assert pooled["rmse"] == pytest.approx(((p - t) ** 2).mean().sqrt().item(), rel=1e-12)
    assert evaluate(maps.prediction, maps.target, valid, "metric")["absrel"] != pooled["absrel"]


@pytest.mark.parametrize("name", ["da2_released", "dap_released"])
def test_releases_lose_the_mean_to_one_empty_image(maps, name):
    valid = maps.valid.clone()
    valid[2] = False
    assert math.isnan(evaluate(maps.prediction, maps.target, valid, name)["absrel"])


def test_range_limits_are_on_the_right_side():
    target = torch.tensor([[[[4.0, 5.0, 9.9, 10.0, 10.1]]]])
    valid = torch.ones_like(target, dtype=torch.bool)

    def pixels(name):
        return score_images(target, target, valid, protocols[name]).pixels.item()

    assert pixels("unifuse_10m") == 4
    assert pixels("da2_released") == 1
    assert pixels("metric") == 5
