import numpy as np
import pytest
import torch

from pano_data.errors import CorruptSampleError
from pano_data.sample import validate_sample
from pano_data.shards.record import decode_sample, encode_sample
from tests.data.synthetic import Numbered


def sample():
    return {**Numbered(3, size=(64, 128))[1], "metric": torch.tensor(False)}


def test_round_trip():
    given = sample()
    given["distance"] = torch.where(given["valid"], given["distance"], 0.0)
    back = decode_sample(encode_sample(given))
    validate_sample(back)
    for name in ("valid", "far", "metric"):
        assert torch.equal(back[name], given[name])
    assert (back["key"], back["dataset"]) == (given["key"], given["dataset"])
    torch.testing.assert_close(back["distance"], given["distance"], rtol=6e-5, atol=0)
    noise = (back["image"] - given["image"]).square().mean()
    assert -10 * torch.log10(noise) > 40  # dB


def test_channels_keep_their_order():
    given = sample()
    given["image"] = torch.tensor([0.9, 0.5, 0.1])[:, None, None].expand(3, 64, 128)
    assert decode_sample(encode_sample(given))["image"].mean((1, 2)).tolist() == pytest.approx(
        [0.9, 0.5, 0.1], abs=0.01
    )


def test_resized_by_the_rules_of_the_reader():
    back = decode_sample(encode_sample(sample()), (32, 64))
    assert back["image"].shape == (3, 32, 64)
    whole = decode_sample(encode_sample(sample()))["distance"]
    assert np.isin(back["distance"].numpy(), whole.numpy()).all()  # no mean over an edge


def test_damaged_picture():
    record = encode_sample(sample())
    record["rgb"] = record["rgb"][:40]
    with pytest.raises(CorruptSampleError, match="no picture"):
        decode_sample(record)


@pytest.mark.parametrize("cut", [0, 3, 40, -3])
def test_damaged_distance(cut):
    record = encode_sample(sample())
    record["distance"] = record["distance"][:cut]
    with pytest.raises(CorruptSampleError, match="not a distance record"):
        decode_sample(record)


def test_distance_of_another_picture():
    record, other = encode_sample(sample()), encode_sample(Numbered(1)[0])
    with pytest.raises(CorruptSampleError, match="size mismatch"):
        decode_sample({**record, "distance": other["distance"]})
