"""The scale of frames: flicker is taken out, the camera's own movement stays."""

import numpy as np
import pytest
import torch

from panodepth.video.scale import Flicker, ScaleHold, SolidMedian
from tests.panodepth.conftest import box_distance

ROOM = box_distance(32, 64).to(torch.float32).numpy()
NEAR = np.ones(ROOM.shape, bool)


def run(scales: np.ndarray, seconds: float, rate: float = 10.0) -> np.ndarray:
    hold = ScaleHold(seconds)
    return np.array([hold.factor(ROOM * s, NEAR, i / rate) * s for i, s in enumerate(scales)])


def test_median_counts_areas_not_pixels():
    values = np.repeat(np.arange(180.0)[:, None], 4, 1)
    median = SolidMedian(180, 4)
    # half of the sphere lies above latitude 0, half of the rows' area within 60 degrees of it
    assert median(np.abs(values - 89.5), np.ones(values.shape, bool)) == pytest.approx(29.5, abs=1)
    assert median(values, np.zeros(values.shape, bool)) is None


def test_standing_camera_keeps_the_scale_of_the_first_frame():
    scales = np.exp(np.random.default_rng(0).normal(0, 0.2, 30))
    np.testing.assert_allclose(run(scales, np.inf), scales[0], rtol=1e-5)


def test_slow_growth_stays_and_jumps_go():
    times = np.arange(200) / 10
    growth = np.exp(0.05 * times)
    jumps = np.exp(np.random.default_rng(1).normal(0, 0.1, 200))
    jumps[0] = 1
    held = run((growth * jumps).astype(np.float32), 2.0)
    assert np.std(np.diff(np.log(held))) < 0.1 * np.std(np.diff(np.log(jumps)))
    lag = np.log(held / growth)[50:]
    # a first-order filter follows a ramp of .05 per second two seconds behind
    assert lag.mean() == pytest.approx(-0.05 * 2, abs=0.05)


def test_masked_pixels_do_not_count():
    hold, near = ScaleHold(np.inf), NEAR.copy()
    near[:, :40] = False
    hold.factor(ROOM, near, 0.0)
    other = ROOM * 2
    other[:, :40] *= 7
    assert hold.factor(other, near, 0.1) == pytest.approx(0.5, rel=1e-5)


def test_frame_without_anything_near_keeps_the_scale():
    hold = ScaleHold(np.inf)
    hold.factor(ROOM, NEAR, 0.0)
    hold.factor(ROOM * 2, NEAR, 0.1)
    assert hold.factor(ROOM, ~NEAR, 0.2) == pytest.approx(0.5, rel=1e-5)


class TestFlicker:
    def test_alternating_scale_is_its_jump(self):
        flicker = Flicker()
        for i in range(10):
            flicker.add(ROOM * np.float32(np.exp(0.02 * (-1) ** i)), NEAR)
        # every frame lies .04 from the mean of its neighbours
        assert flicker.figures()["scale_percent"] == pytest.approx(4.0, rel=1e-3)
        assert flicker.figures()["pixel_percent"] == pytest.approx(4.0, rel=1e-3)

    def test_steady_growth_has_none(self):
        flicker = Flicker()
        for i in range(10):
            flicker.add(ROOM * np.float32(1.05**i), NEAR)
        assert flicker.figures()["scale_percent"] == pytest.approx(0, abs=1e-3)

    def test_noise_of_pixels_is_no_flicker_of_the_scale(self):
        rng, flicker = np.random.default_rng(0), Flicker()
        for _ in range(20):
            noise = np.exp(rng.normal(0, 0.05, ROOM.shape)).astype(np.float32)
            flicker.add(ROOM * noise, NEAR)
        figures = flicker.figures()
        assert figures["scale_percent"] < 0.5
        # median of |N(0, .05 sqrt(1.5))|
        assert figures["pixel_percent"] == pytest.approx(100 * 0.05 * 1.5**0.5 * 0.6745, rel=0.05)

    def test_two_frames_say_nothing(self):
        flicker = Flicker()
        flicker.add(ROOM, NEAR)
        flicker.add(ROOM, NEAR)
        assert flicker.figures() == {"scale_percent": None, "pixel_percent": None}
