import math

import numpy as np
import pytest

from pano_data.ray_lengths import ray_lengths

K = (4.0, 0.0, 4.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0)


def test_length_of_the_ray_through_each_pixel_centre():
    lengths = ray_lengths(K, 4, 8)
    assert lengths.shape == (4, 8)
    assert lengths.dtype == np.float32
    for row, column in ((0, 0), (3, 7), (1, 4)):
        expected = math.hypot((column + 0.5 - 4) / 4, (row + 0.5 - 2) / 2, 1)
        assert lengths[row, column] == pytest.approx(expected, rel=1e-6)


def test_shared_maps_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        ray_lengths(K, 4, 8)[0, 0] = 1
    assert ray_lengths(K, 4, 8) is ray_lengths(K, 4, 8)


def test_skew_is_refused():
    with pytest.raises(ValueError, match="skew"):
        ray_lengths((4.0, 0.1, 4.0, 0.0, 2.0, 2.0, 0.0, 0.0, 1.0), 4, 8)
