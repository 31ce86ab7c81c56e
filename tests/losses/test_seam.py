import math

import pytest
import torch

from pano_losses.seam import SEAM, across_the_poles, across_the_side

TARGET = torch.full((1, 1, 16, 32), 2.0, dtype=torch.float64)
VALID = torch.ones(1, 1, 16, 32, dtype=torch.bool)


def _scores(prediction, valid=VALID):
    return {n: m.per_image(prediction, TARGET, valid).item() for n, m in SEAM.items()}


def test_a_ramp_around_the_horizon_jumps_at_the_seam_only():
    # ln p grows from 0 to 1 in 31 equal steps, then falls back at once.
    ramp = TARGET * torch.linspace(0, 1, 32, dtype=torch.float64).exp()
    scores = _scores(ramp)
    assert scores["seam_jump"] == pytest.approx(1.0)
    assert scores["seam_ratio"] == pytest.approx(31.0)
    # Pixels half a turn apart differ by 16 of 31 steps.
    assert scores["pole_jump"] == pytest.approx(16 / 31)


def test_a_smooth_wave_has_no_seam():
    lon = (torch.arange(32, dtype=torch.float64) + 0.5) / 32 * 2 * math.pi
    row = torch.sin((torch.arange(16, dtype=torch.float64) + 0.5) / 16 * math.pi) ** 2
    wave = TARGET * (0.1 * torch.sin(lon) * row[:, None]).exp()
    scores = _scores(wave)
    assert scores["seam_ratio"] < 2  # the steepest place of a sine against its mean slope: pi / 2
    assert scores["pole_ratio"] < 1


def test_jumps_of_the_truth_do_not_count_and_scale_is_free():
    stepped = TARGET.clone()
    stepped[..., 16:] = 7.0
    for metric in (SEAM["seam_jump"], SEAM["pole_jump"]):
        assert metric.per_image(3 * stepped, stepped, VALID).item() == pytest.approx(0, abs=1e-15)


def test_neighbours_are_those_of_the_sphere():
    index = torch.arange(16 * 32).reshape(1, 1, 16, 32)
    here, there = across_the_side(index)
    assert (here - there == 31).all()  # same row, last against first column
    assert here.shape == (1, 1, 16, 1)
    here, there = across_the_poles(index)
    assert here[0, 0, 0].tolist() == list(range(16))  # first row against itself half a turn on
    assert (there - here == 16).all()
    assert here[0, 0, 1, 0] == 15 * 32


def test_a_seam_without_valid_pixels_has_no_value():
    valid = VALID.clone()
    valid[..., 0] = False
    scores = _scores(TARGET * 1.1, valid)
    assert math.isnan(scores["seam_jump"])
    assert math.isnan(scores["seam_ratio"])
    assert scores["pole_jump"] == 0
