import numpy as np
import pytest

from panodepth.resize import resize_panorama


def _wave(height: int, width: int) -> np.ndarray:
    lon = 2 * np.pi * (np.arange(width) + 0.5) / width
    return np.repeat(np.cos(lon)[None], height, 0).astype(np.float32)


@pytest.mark.parametrize(
    ("old", "new"), [((128, 256), (32, 64)), ((32, 64), (128, 256)), ((91, 182), (64, 128))]
)
def test_a_wave_around_the_sphere_stays_a_wave_through_the_seam(
    old: tuple[int, int], new: tuple[int, int]
) -> None:
    error = np.abs(resize_panorama(_wave(*old), *new) - _wave(*new))
    assert error.max() < 0.01
    # the seam is as good as the rest (a resize without wrapping is 10 times worse there)
    assert error[:, [0, -1]].max() <= 1.5 * error.max(axis=0)[1:-1].max() + 1e-6


@pytest.mark.parametrize("height", [24, 64, 150])
def test_resizing_commutes_with_yaw(height: int) -> None:
    image = np.random.default_rng(0).random((64, 128)).astype(np.float32)
    turned = resize_panorama(np.roll(image, 64, 1), height, 2 * height)
    np.testing.assert_allclose(
        turned, np.roll(resize_panorama(image, height, 2 * height), height, 1), atol=1e-5
    )


def test_shrinking_is_antialiased_and_keeps_a_constant() -> None:
    stripes = np.zeros((64, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    small = resize_panorama(stripes, 8, 16)
    assert small.shape == (8, 16, 3)
    assert np.abs(small.astype(int) - 100).max() <= 2
    grey = np.full((64, 128, 3), 77, np.uint8)
    assert (resize_panorama(grey, 30, 60) == 77).all()


def test_the_same_size_is_the_same_image() -> None:
    image = np.random.default_rng(0).random((8, 16)).astype(np.float32)
    assert resize_panorama(image, 8, 16) is image
