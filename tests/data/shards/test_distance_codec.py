import numpy as np
import pytest

from pano_data.errors import DataError
from pano_data.shards.distance_codec import DistanceCodec, decode_distance, encode_distance


def maps(near=0.3, last=400.0, size=(33, 70)):
    rng = np.random.default_rng(1)
    distance = np.exp(rng.uniform(np.log(near), np.log(last), size)).astype(np.float32)
    kind = rng.integers(0, 4, size)
    valid, far = kind >= 2, kind == 1
    distance[kind == 0] = np.nan  # invalid pixels may hold anything
    distance[far] = np.inf
    return distance, valid, far


@pytest.mark.parametrize(
    ("codec", "error"), [(DistanceCodec.LOG16, 6e-5), (DistanceCodec.FLOAT16, 4.9e-4)]
)
def test_round_trip(codec, error):
    distance, valid, far = maps()
    back, back_valid, back_far = decode_distance(encode_distance(distance, valid, far, codec))
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back_valid, valid)
    np.testing.assert_array_equal(back_far, far)
    assert np.abs(back[valid] / distance[valid] - 1).max() < error
    assert (back[~valid] == 0).all()


def test_log_codes_keep_their_precision_over_any_range():
    distance, valid, far = maps(1e-3, 2.6e3)
    back, _, _ = decode_distance(encode_distance(distance, valid, far))
    assert np.abs(back[valid] / distance[valid] - 1).max() < 1.2e-4


@pytest.mark.parametrize("codec", list(DistanceCodec))
def test_constant_and_empty_maps(codec):
    ones, nothing = np.full((4, 8), 7.25, np.float32), np.zeros((4, 8), bool)
    back, valid, _ = decode_distance(encode_distance(ones, ~nothing, nothing, codec))
    assert valid.all()
    np.testing.assert_allclose(back, 7.25)
    back, valid, far = decode_distance(encode_distance(ones, nothing, ~nothing, codec))
    assert not valid.any()
    assert far.all()
    assert (back == 0).all()


def test_smooth_distance_is_compact():
    ramp = np.linspace(1, 5, 1024, dtype=np.float32)[None].repeat(512, 0)
    keep = np.ones_like(ramp, bool)
    assert len(encode_distance(ramp, keep, ~keep)) < 8000  # 1 MB raw


def test_raises():
    keep = np.ones((2, 4), bool)
    with pytest.raises(DataError, match="positive and finite"):
        encode_distance(np.zeros((2, 4), np.float32), keep, ~keep)
    with pytest.raises(DataError, match="leave the range of FLOAT16"):
        encode_distance(np.full((2, 4), 7e4, np.float32), keep, ~keep, DistanceCodec.FLOAT16)
    record = encode_distance(np.ones((2, 4), np.float32), keep, ~keep)
    for broken in (b"", b"\x09" + record[1:], record[:-3]):
        with pytest.raises(DataError, match="not a distance record"):
            decode_distance(broken)
