"""Opinions of faces put together to a panorama."""

import pytest
import torch

import pano_geometry as pg
from experiments.depth_anywhere.views import CubeViews, TangentViews, random_turns, seeded


def smooth(height: int, width: int) -> torch.Tensor:
    """Disparity of distance of a smooth world, `(1, 1, h, w)`."""
    rays = pg.Equirectangular(height, width).rays()
    return (1.5 + 0.5 * rays[..., 0] + 0.3 * rays[..., 1] * rays[..., 2])[None, None]


@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_faces_that_agree_are_stitched_in_place(angle: float) -> None:
    views, panorama = CubeViews(64), smooth(64, 128)
    rotation = pg.from_ypr(torch.tensor(angle), torch.tensor(angle / 2), torch.tensor(0.1))[None]
    cut = views.cut(panorama, rotation)
    planar = cut / views.cosine(cut)  # disparity of depth, as a teacher gives it
    low, high = planar.amin((-2, -1), keepdim=True), planar.amax((-2, -1), keepdim=True)
    stitched = views.stitch(planar, (64, 128), rotation)
    # By hand: which face sees a pixel, and what that face's stretching made of its disparity.
    rays = pg.Equirectangular(64, 128).rays() @ rotation[0]
    labels = torch.arange(6.0).reshape(1, 6, 1, 1, 1).expand(1, 6, 1, 64, 64).contiguous()
    face = pg.cube_to_erp(labels, 64, 128, rotation.mT, mode="nearest").long()[0, 0]
    cosine = rays.abs().amax(-1)
    expected = (panorama[0, 0] / cosine - low[0, face, 0, 0, 0]) * cosine
    expected = expected / (high - low)[0, face, 0, 0, 0]
    inside = cosine > 0.75  # at the edges of faces bilinear sampling mixes two stretchings
    assert inside.float().mean() > 0.3
    torch.testing.assert_close(stitched[0, 0][inside], expected[inside], atol=0.01, rtol=0)


def test_a_face_of_one_value_is_no_division_by_zero() -> None:
    views = CubeViews(8)
    rotation = torch.eye(3)[None]
    assert views.stitch(torch.ones(1, 6, 1, 8, 8), (16, 32), rotation).isfinite().all()


def test_overlapping_views_are_refused() -> None:
    with pytest.raises(TypeError, match="TangentViews"):
        TangentViews(8, 12).stitch(torch.ones(1, 12, 1, 8, 8), (16, 32), torch.eye(3)[None])


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
