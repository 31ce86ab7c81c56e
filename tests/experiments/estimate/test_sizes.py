"""Published numbers of pictures and bytes."""

import pytest

from experiments.estimate.sizes import PICTURE_BYTES, raw_bytes, size_of


def test_counts_of_the_readers_and_what_they_leave_open() -> None:
    assert size_of("vkitti2", "train") == 33580
    assert size_of("structured3d", "train") == 18298
    assert size_of("structured3d", "train_all_furniture") == 3 * 18298
    assert (size_of("hypersim", "train"), size_of("hypersim", "complete")) == (59543, 39649)
    with pytest.raises(KeyError):
        size_of("vkitti2", "test")


def test_bytes_are_published_or_those_of_all_pictures() -> None:
    assert raw_bytes("hypersim") == 1.9e12
    assert raw_bytes("mvs_synth") == 12000 * PICTURE_BYTES
    assert raw_bytes("vkitti2") == 42520 * PICTURE_BYTES  # `all` is train and val once more
    assert raw_bytes("structured3d") == (18298 + 1776 + 1691) * PICTURE_BYTES
