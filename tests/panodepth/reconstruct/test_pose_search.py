from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from panodepth.reconstruct.pose_search import measure_see_through, score_fit, search_poses
from panodepth.reconstruct.posed_panorama import PosedPanorama, replace_poses
from panodepth.reconstruct.registration import FreeParameters

Box = Callable[..., PosedPanorama]


@pytest.mark.parametrize(("scale", "free"), [(1.0, False), (1.15, True)])
def test_a_panorama_far_from_the_first_is_found(box_from: Box, scale: float, free: bool) -> None:
    pair = [box_from((-1.2, 0.1, -0.4)), box_from((0.9, -0.1, 0.5))]
    distance = (pair[1].distance / scale).astype(np.float32)
    lost = replace(pair[1], distance=distance, pose=pair[0].pose)
    found = search_poses([pair[0], lost], FreeParameters(free, True))
    np.testing.assert_allclose(found[0].position, pair[0].pose.position)
    np.testing.assert_allclose(found[1].position, pair[1].pose.position, atol=5e-3)
    np.testing.assert_allclose(found[1].rotation, np.eye(3), atol=5e-3)
    assert found[1].scale == pytest.approx(scale, rel=5e-3)


def test_fit_tells_on_the_surface_from_hidden_and_seen_through(box_from: Box) -> None:
    room = box_from((0.0, 0.0, 0.0))
    points = room.world_points()[0]
    assert score_fit(points, room, 0.05) > 0.99
    assert score_fit(1.5 * points, room, 0.05) == 0
    assert score_fit(0.5 * points, room, 0.05) == -1
    open_sky = replace(room, far=np.ones_like(room.far))
    assert score_fit(points, open_sky, 0.05) == -1
    nothing = replace(room, distance=np.zeros_like(room.distance))
    assert score_fit(points, nothing, 0.05) == -1


def test_a_slide_along_the_walls_is_seen_through(box_from: Box) -> None:
    rooms = [box_from(p) for p in ((0.0, 0.0, 0.0), (1.0, 0.0, 0.5), (-0.5, 0.0, 0.5))]
    assert max(measure_see_through(rooms)) < 0.01
    slid = rooms[2].pose.moved(np.r_[0, 0, 0, 0, 1.5, 0, 0])
    shares = measure_see_through(replace_poses(rooms, [rooms[0].pose, rooms[1].pose, slid]))
    assert max(shares[:2]) < 0.01
    assert shares[2] > 0.05
