import math

import pytest
import torch

from experiments.benchmark.curves import (
    LATITUDE_BINS,
    RANGE_EDGES_M,
    REGIONS,
    ErrorCurves,
    aligned_distance,
    latitude_bins,
    regions,
)

SIZE = (24, 48)


def scene(batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = 1 + 8 * torch.rand(batch, 1, *SIZE, generator=generator)
    valid = torch.rand(batch, 1, *SIZE, generator=generator) > 0.2
    return target, valid


def curves_of(prediction, target, valid):
    curves = ErrorCurves()
    curves.update(prediction, target, valid)
    return curves


def test_a_scaled_truth_has_no_error_anywhere():
    target, valid = scene()
    found = curves_of({"distance_scale_invariant": 3.7 * target}, target, valid).compute()
    assert {len(found[k]) for k in found} == {LATITUDE_BINS, len(RANGE_EDGES_M) - 1, len(REGIONS)}
    for values in found.values():
        assert all(v is None or v < 1e-6 for v in values)


def test_an_affine_disparity_of_the_truth_has_no_error():
    target, valid = scene()
    disparity = 5 / target + 2
    aligned = aligned_distance({"disparity_affine": disparity}, target, valid)
    torch.testing.assert_close(aligned[valid], target[valid], rtol=1e-4, atol=0)


@pytest.mark.parametrize("row_bin", [0, 5, LATITUDE_BINS - 1])
def test_an_error_shows_in_the_latitude_where_it_was_made(row_bin):
    target = torch.full((1, 1, *SIZE), 4.0)
    predicted = target.clone()
    rows = slice(row_bin * SIZE[0] // LATITUDE_BINS, (row_bin + 1) * SIZE[0] // LATITUDE_BINS)
    predicted[..., rows, :] *= 1.5
    found = curves_of({"distance_metric": predicted}, target, target > 0).compute()["latitude"]
    expected = [0.0] * LATITUDE_BINS
    expected[row_bin] = 0.5
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("height", [32, 64, 512])
def test_both_hemispheres_have_the_same_bins(height):
    bins = latitude_bins((height, 2 * height))[:, 0]
    assert torch.equal(bins.flip(0), LATITUDE_BINS - 1 - bins)
    latitude = 90 - (torch.arange(height) + 0.5) * 180 / height
    assert torch.equal(bins, torch.floor((90 - latitude) / 15).long())


def test_a_pixel_without_a_prediction_is_left_out():
    target, valid = scene()
    predicted = target * (1 + 0.2 * torch.cos(target))
    hole = target > 8
    holed = torch.where(hole, math.nan, predicted)
    found = curves_of({"distance_metric": holed}, target, valid).compute()
    assert found == curves_of({"distance_metric": predicted}, target, valid & ~hole).compute()
    assert all(v is None or math.isfinite(v) for values in found.values() for v in values)


def test_an_error_shows_in_the_range_of_the_true_distance():
    target = torch.full((1, 1, *SIZE), 0.5)
    target[..., ::3, :] = 30.0  # two thirds stay near: they hold the median
    predicted = torch.where(target == 30.0, 60.0, target)
    found = curves_of({"distance_metric": predicted}, target, target > 0).compute()["range"]
    assert found[0] == 0
    assert found[6] == 1.0
    assert [v for i, v in enumerate(found) if i not in (0, 6)] == [None] * 6


def test_beyond_the_last_edge_no_range_is_claimed():
    target = torch.full((1, 1, *SIZE), 250.0)
    found = curves_of({"distance_metric": target}, target, target > 0).compute()
    assert set(found["range"]) == {None}
    assert set(found["latitude"]) == {0.0}


@pytest.mark.parametrize(
    ("name", "at"), [("seam", (12, 0)), ("seam", (12, 47)), ("poles", (0, 20)), ("poles", (23, 0))]
)
def test_regions_lie_where_their_names_say(name, at):
    assert REGIONS[int(regions(SIZE)[at])] == name


def test_regions_have_the_area_of_their_definition():
    area = torch.bincount(regions((180, 360)).flatten(), minlength=3) / (180 * 360)
    poles = 30 / 180
    seam = (1 - poles) * 15 / 360
    assert area.tolist() == pytest.approx([seam, poles, 1 - poles - seam], abs=0.004)


def test_shards_add_up_to_the_whole():
    target, valid = scene(batch=4, seed=3)
    predicted = target * (1 + 0.3 * torch.sin(target))
    whole = curves_of({"distance_metric": predicted}, target, valid)
    first = curves_of({"distance_metric": predicted[:1]}, target[:1], valid[:1])
    first.merge(curves_of({"distance_metric": predicted[1:]}, target[1:], valid[1:]))
    assert first.compute() == whole.compute()


def test_what_is_not_valid_changes_nothing():
    target, valid = scene(seed=5)
    predicted = target * (1 + 0.2 * torch.cos(target))
    clean = curves_of({"distance_metric": predicted}, target, valid).compute()
    poisoned = torch.where(valid, target, math.nan)
    junk = torch.where(valid, predicted, math.nan)
    assert curves_of({"distance_metric": junk}, poisoned, valid).compute() == clean
