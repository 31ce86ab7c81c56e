import pytest
import torch

from pano_data.transforms import Limit


def test_beyond_the_limit_is_far() -> None:
    sample = {
        "image": torch.rand(3, 1, 4), "distance": torch.tensor([[[1.0, 5.0, 20.0, 0.0]]]),
        "valid": torch.tensor([[[True, True, True, False]]]), "far": torch.tensor([[[False, False, False, True]]]),
        "metric": torch.tensor(True), "key": "k", "dataset": "d",
    }  # fmt: skip
    changed = Limit(5.0)(sample, torch.Generator())
    assert changed["valid"].tolist() == [[[True, True, False, False]]]
    assert changed["far"].tolist() == [[[False, False, True, True]]]
    assert changed["distance"].tolist() == [[[1.0, 5.0, 0.0, 0.0]]]
    assert sample["distance"][0, 0, 2] == 20


def test_raises() -> None:
    with pytest.raises(ValueError, match="high_m"):
        Limit(0.0)
