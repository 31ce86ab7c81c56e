from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import (
    Cloud,
    FreeParameters,
    identity_pose,
    measure_overlaps,
    register,
    register_scales,
)

PLACES = ((0.0, 0.1, 0.0), (1.2, 0.0, 0.6), (-1.0, -0.2, 0.9))
SCALES = (1.0, 1.3, 0.7)


@pytest.fixture
def panoramas(box_from: Callable[..., PosedPanorama]) -> list[PosedPanorama]:
    return [box_from(p, yaw=y) for p, y in zip(PLACES, (0.0, 0.15, -0.2), strict=True)]


def _clouds(panoramas: Sequence[PosedPanorama], noise: float = 0.0) -> list[Cloud]:
    rng = np.random.default_rng(0)
    clouds = [p.cloud(2500) for p in panoramas]
    return [
        Cloud(c.points * np.exp(rng.normal(0, noise, (len(c.points), 1))), c.normals)
        for c in clouds
    ]


@pytest.mark.parametrize(("noise", "bound"), [(0.0, 1e-3), (0.02, 0.02)])
def test_scales_are_found_at_known_positions(
    panoramas: list[PosedPanorama], noise: float, bound: float
) -> None:
    clouds = [
        Cloud(c.points / s, c.normals)
        for c, s in zip(_clouds(panoramas, noise), SCALES, strict=True)
    ]
    start = [p.pose for p in panoramas]
    found = register_scales(clouds, start)
    np.testing.assert_allclose([p.scale for p in found], SCALES, rtol=bound)


@pytest.mark.parametrize(("noise", "bound"), [(0.0, 2e-3), (0.02, 0.06)])
def test_poses_are_found_from_a_rough_start(
    panoramas: list[PosedPanorama], noise: float, bound: float
) -> None:
    rng = np.random.default_rng(1)
    start = [
        p.pose if i == 0 else p.pose.moved(np.r_[0, rng.normal(0, 0.04, 3), rng.normal(0, 0.12, 3)])
        for i, p in enumerate(panoramas)
    ]
    found = register(_clouds(panoramas, noise), start, FreeParameters(False, True))
    for pose, panorama in zip(found, panoramas, strict=True):
        assert np.linalg.norm(pose.position - panorama.pose.position) < bound
        turn = Rotation.from_matrix(pose.rotation @ panorama.pose.rotation.T)
        assert turn.magnitude() < bound


def test_translations_of_level_panoramas_are_found_without_a_start(
    box_from: Callable[..., PosedPanorama],
) -> None:
    pair = [box_from((0.0, 0.0, 0.0)), box_from((0.5, 0.0, 0.3))]
    found = register(_clouds(pair), [identity_pose(), identity_pose()], FreeParameters(False, True))
    np.testing.assert_allclose(found[1].position, [0.5, 0, 0.3], atol=2e-3)


def test_nothing_free_changes_nothing(panoramas: list[PosedPanorama]) -> None:
    start = [p.pose for p in panoramas]
    assert register(_clouds(panoramas), start, FreeParameters(False, False)) == start


def test_overlap_tells_aligned_from_lost(panoramas: list[PosedPanorama]) -> None:
    clouds, poses = _clouds(panoramas), [p.pose for p in panoramas]
    assert min(measure_overlaps(clouds, poses)) > 0.95
    lost = [*poses[:2], poses[2].moved(np.r_[0, 0, 0.6, 0, 2.0, 0.7, 1.0])]
    assert measure_overlaps(clouds, lost)[2] < 0.3
