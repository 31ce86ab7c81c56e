import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds.rendering.appearance import CAMERA, CLEAN, Appearance, develop
from tests.worlds.conftest import rays64

RAYS = rays64(pg.Equirectangular(128, 256))
GREY = np.full((128, 256, 3), 0.5, dtype=np.float32)


def developed(appearance, seed=0, image=GREY):
    return develop(image, RAYS, appearance, np.random.default_rng(seed))


def test_clean_only_quantises():
    ramp = np.broadcast_to(np.linspace(-0.1, 1.1, 256, dtype=np.float32)[None, :, None], GREY.shape)
    rgb, artefact = developed(CLEAN, image=ramp)
    np.testing.assert_allclose(rgb / 255.0, np.clip(ramp, 0, 1), atol=0.5 / 255 + 1e-6)
    assert not artefact.any()


def test_exposure_and_white_balance_vary_between_seeds_not_within_a_picture():
    means = []
    for seed in range(12):
        rgb, _ = developed(Appearance(exposure=0.35, white_balance=0.07), seed)
        assert rgb.reshape(-1, 3).std(axis=0).max() == 0
        means.append(rgb[0, 0].astype(float))
    assert np.std(means, axis=0).min() > 5


def test_noise_has_the_promised_strength():
    rgb, _ = developed(Appearance(noise=0.02))
    spread = (rgb.astype(float) - 127.5).std() / 255.0
    expected = 0.02 * np.sqrt(0.4 + 0.5) * np.sqrt(1 + 0.25)
    assert spread == pytest.approx(expected, rel=0.1)


def test_seams_are_where_the_lenses_join():
    stripes = np.where((np.arange(256) // 8 % 2)[None, :, None], 0.7, 0.3).astype(np.float32)
    image = np.broadcast_to(stripes, GREY.shape).copy()
    rgb, _ = developed(Appearance(seams=0.06), 3, image)
    base, _ = developed(CLEAN, 3, image)
    change = np.abs(rgb.astype(float) - base).max(axis=-1)
    axis = RAYS[..., 2]
    # Ghosts of the stripes' borders at the seam; beyond it each lens only has its own brightness.
    assert np.quantile(change[np.abs(axis) < 0.03], 0.9) > 2 * change[np.abs(axis) > 0.2].max()
    front, back = (
        rgb[axis > 0.2][:, 0] / base[axis > 0.2][:, 0],
        rgb[axis < -0.2][:, 0] / base[axis < -0.2][:, 0],
    )
    assert abs(front.mean() - back.mean()) > 0.01


@pytest.mark.parametrize("seed", range(4))
def test_tripod_covers_the_bottom_and_is_reported(seed):
    rgb, artefact = developed(Appearance(tripod=1.0), seed)
    assert artefact[-4:].all()
    assert not artefact[: int(0.6 * 128)].any()
    assert (rgb[~artefact] == 128).all()
    assert (rgb[artefact] != 128).any(axis=-1).mean() > 0.9


@pytest.mark.parametrize("seed", range(4))
def test_watermark_is_reported(seed):
    rgb, artefact = developed(Appearance(watermark=1.0), seed)
    assert 0 < artefact.mean() < 0.02
    changed = (rgb != 128).any(axis=-1)
    assert changed.sum() > 5
    assert not (changed & ~artefact).any()


def test_jpeg_leaves_blocks():
    noise = np.random.default_rng(0).random((128, 256, 3), dtype=np.float32)
    rgb, _ = developed(Appearance(jpeg=60), 0, noise)
    error = rgb / 255.0 - noise
    assert 0.02 < np.abs(error).mean() < 0.3


def test_same_seed_same_bytes():
    a, b, c = (developed(CAMERA, seed)[0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()
