import math

import pytest
import torch

import pano_geometry as pg


def test_signs_of_yaw_pitch_roll() -> None:
    forward = torch.tensor([0.0, 0.0, 1.0])
    assert (pg.from_ypr(0.3) @ forward)[0] > 0
    assert (pg.from_ypr(0.0, 0.3) @ forward)[1] < 0
    # The rolled camera's right axis points down: the camera turned clockwise.
    assert (pg.from_ypr(0.0, 0.0, 0.3) @ torch.tensor([1.0, 0.0, 0.0]))[1] > 0


def test_order_is_yaw_after_pitch_after_roll() -> None:
    whole = pg.from_ypr(0.3, 0.5, -0.7)
    parts = pg.from_ypr(0.3) @ pg.from_ypr(0.0, 0.5) @ pg.from_ypr(0.0, 0.0, -0.7)
    assert torch.allclose(whole, parts, atol=1e-6)


def test_to_ypr_inverts(generator) -> None:
    rotation = pg.random_rotation(500, generator, dtype=torch.float64)
    assert torch.allclose(pg.from_ypr(*pg.to_ypr(rotation)), rotation, atol=1e-9)
    for pitch in (math.pi / 2, -math.pi / 2):
        locked = pg.from_ypr(torch.tensor(0.4).double(), pitch, 0.2)
        assert torch.allclose(pg.from_ypr(*pg.to_ypr(locked)), locked, atol=1e-7)


def test_random_rotations_are_uniform(generator) -> None:
    rotation = pg.random_rotation(20000, generator)
    assert torch.allclose(torch.linalg.det(rotation), torch.ones(20000), atol=1e-5)
    assert rotation.mean(0).abs().max() < 0.02
    # Uniform over SO(3): the angle has density (1 - cos t) / pi, mean pi / 2 + 2 / pi.
    angle = pg.geodesic_angle(rotation.double(), torch.eye(3).double())
    assert float(angle.mean()) == pytest.approx(math.pi / 2 + 2 / math.pi, abs=0.02)


def test_random_rotations_repeat_with_the_seed() -> None:
    draws = [pg.random_rotation(3, torch.Generator().manual_seed(s)) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_axis_angle_is_right_handed_and_smooth_at_zero() -> None:
    yaw = pg.from_axis_angle(torch.tensor([0.0, 0.4, 0.0]))
    assert torch.allclose(yaw, pg.from_ypr(0.4), atol=1e-6)
    vector = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pg.from_axis_angle, (vector,))


def test_geodesic_angle_of_small_turns() -> None:
    turn = pg.from_ypr(torch.tensor(1e-7, dtype=torch.float64))
    assert float(pg.geodesic_angle(turn, torch.eye(3).double())) == pytest.approx(1e-7, rel=1e-6)


def test_rotations_refuse() -> None:
    with pytest.raises(pg.ShapeError, match="vector"):
        pg.from_axis_angle(torch.zeros(4))
    with pytest.raises(ValueError, match="n: got 0"):
        pg.random_rotation(0)


def test_rotations_stay_exact_under_autocast(generator) -> None:
    angles = torch.rand(3, 5, generator=generator) * 6 - 3
    expected = pg.from_ypr(*angles), pg.from_axis_angle(angles.T)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = pg.from_ypr(*angles), pg.from_axis_angle(angles.T)
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == torch.float32
        assert torch.equal(one, other)


def test_whole_numbers_are_no_angles() -> None:
    with pytest.raises(TypeError, match="yaw"):
        pg.from_ypr(torch.tensor(1), 0.5)
