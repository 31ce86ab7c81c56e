import pytest
import torch

from pano_models import outputs


def test_geometry_key_is_the_one_map_of_distance():
    assert outputs.geometry_key({"distance_metric": 1, "far_probability": 2}) == "distance_metric"
    assert outputs.geometry_key({"disparity_affine": 1}) == "disparity_affine"


@pytest.mark.parametrize("keys", [("far_probability",), ("distance_metric", "disparity_affine")])
def test_geometry_key_refuses_none_and_two(keys):
    with pytest.raises(KeyError, match="exactly one"):
        outputs.geometry_key(dict.fromkeys(keys))


def test_fill_far_counts_one_half_as_far():
    prediction = {
        outputs.DISTANCE_METRIC: torch.tensor([[[[1.0, 2.0, 3.0]]]]),
        outputs.FAR_PROBABILITY: torch.tensor([[[[0.49, 0.5, 0.9]]]]),
    }
    filled = outputs.fill_far(prediction, 100.0)
    assert filled.flatten().tolist() == [1.0, 100.0, 100.0]
    assert prediction[outputs.DISTANCE_METRIC].flatten().tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("metres", [2.5, 10.0, 100.0])
def test_a_far_key_says_its_range(metres):
    assert outputs.range_of(outputs.far_key(metres)) == metres


def test_the_mask_of_the_fill_is_that_of_100_metres():
    assert outputs.far_key(outputs.FAR_RANGE) == outputs.FAR_PROBABILITY
    assert outputs.range_of("distance_metric") is None


def test_far_key_prints_whole_metres_without_a_point():
    assert outputs.far_key(10.0) == "far_probability_10m"
    assert outputs.far_key(2.5) == "far_probability_2.5m"
