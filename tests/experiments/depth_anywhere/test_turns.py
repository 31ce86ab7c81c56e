import torch

from experiments.depth_anywhere.turns import random_turns, seeded


def test_each_angle_is_uniform_within_the_bound() -> None:
    turns = random_turns(4000, 45.0, seeded(0, 0))
    forward = turns[:, :, 2]
    yaw = torch.rad2deg(torch.atan2(forward[:, 0], forward[:, 2]))
    pitch = torch.rad2deg(torch.asin(-forward[:, 1]))  # up is negative y
    for angle in (yaw, pitch):
        assert 44 < angle.abs().max() <= 45.001
        assert abs(angle.mean()) < 1.5
        assert abs(angle.std() - 45 / 3**0.5) < 1


def test_no_angle_is_no_turn() -> None:
    assert torch.equal(random_turns(2, 0.0, seeded(0, 0)), torch.eye(3).expand(2, 3, 3))


def test_turns_are_rotations_and_a_function_of_seed_and_number() -> None:
    turns = random_turns(5, 45.0, seeded(3, 7))
    torch.testing.assert_close(turns @ turns.mT, torch.eye(3).expand(5, 3, 3))
    assert torch.equal(turns, random_turns(5, 45.0, seeded(3, 7)))
    assert not torch.equal(turns, random_turns(5, 45.0, seeded(3, 8)))
    assert not torch.equal(turns, random_turns(5, 45.0, seeded(4, 7)))
