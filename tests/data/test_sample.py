import pytest
import torch

from pano_data.errors import DataError
from pano_data.sample import ErpSample, validate_sample


def sample(**changes) -> ErpSample:
    valid = torch.ones(1, 4, 8, dtype=torch.bool)
    valid[0, 0] = False
    base = {
        "image": torch.rand(3, 4, 8),
        "distance": torch.where(valid, 2.0, 0.0),
        "valid": valid,
        "far": ~valid,
        "metric": torch.tensor(True),
        "key": "k",
        "dataset": "d",
    }
    return ErpSample(**(base | changes))


def test_a_sound_sample():
    validate_sample(sample())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image": torch.rand(4, 4, 8)}, r"sample\['image'\]: got \(4, 4, 8\)"),
        ({"image": torch.full((3, 4, 8), 1.01)}, r"leaves \[0, 1\]"),
        ({"image": torch.full((3, 4, 8), torch.nan)}, r"leaves \[0, 1\]"),
        ({"distance": torch.ones(1, 4, 9)}, r"sample\['distance'\]: got \(1, 4, 9\)"),
        ({"distance": torch.ones(1, 4, 8)}, "must be 0 where not valid"),
        ({"distance": torch.zeros(1, 4, 8)}, "must be finite and positive"),
        ({"distance": torch.ones(1, 4, 8, dtype=torch.float64)}, "float64"),
        ({"valid": torch.ones(1, 4, 8)}, r"sample\['valid'\]: got .* torch.float32"),
        ({"far": torch.ones(1, 4, 8, dtype=torch.bool)}, "both valid and far"),
        ({"metric": True}, "expected a bool scalar tensor"),
        ({"key": ""}, r"sample\['key'\] is empty"),
    ],
)
def test_what_is_wrong_is_named(changes, message):
    with pytest.raises(DataError, match=message):
        validate_sample(sample(**changes))


def test_infinite_distance_under_valid():
    wrong = sample()
    wrong["distance"][0, 2, 2] = torch.inf
    with pytest.raises(DataError, match="finite"):
        validate_sample(wrong)


def test_missing_keys():
    partial = sample()
    del partial["far"]
    with pytest.raises(DataError, match=r"sample lacks \['far'\]"):
        validate_sample(partial)
