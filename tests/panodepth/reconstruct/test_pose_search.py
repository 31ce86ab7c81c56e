from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from panodepth.reconstruct.pose_search import (
    measure_agreement,
    measure_see_through,
    score_fit,
    search_common_scale,
    search_poses,
)
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


IN_TWO_ROOMS = ((-1.6, 0.0, 0.4), (1.9, 0.1, -0.3))


@pytest.mark.parametrize("unit", [0.2, 1.0, 7.0])
def test_different_rooms_get_one_scale_by_what_a_door_shows(
    box_from: Box, room_from: Box, unit: float
) -> None:
    rooms = [room_from(p) for p in IN_TWO_ROOMS]
    assert min(measure_agreement(rooms)) > 0.2  # a strip of the other room, as wide as a door
    small = [replace(p, distance=(p.distance / np.float32(unit))) for p in rooms]
    found = search_common_scale(small)
    assert [p.scale for p in found] == pytest.approx([unit, unit], rel=0.02)
    np.testing.assert_array_equal(found[1].position, IN_TWO_ROOMS[1])


def test_scales_keep_their_ratio(room_from: Box) -> None:
    """The unit of one panorama may be twice that of the other, if the poses say so."""
    rooms = [room_from(p) for p in IN_TWO_ROOMS]
    pose = replace(rooms[1].pose, scale=2.0)
    halved = replace(rooms[1], distance=rooms[1].distance / 2, pose=pose)
    found = search_common_scale([rooms[0], halved])
    assert [p.scale for p in found] == pytest.approx([1.0, 2.0], rel=0.02)


@pytest.mark.parametrize("wall", [0.01, 0.2, 3.0])
def test_two_sides_of_a_wall_are_not_one_surface(room_from: Box, wall: float) -> None:
    places = (IN_TWO_ROOMS[0], (1.7 + wall, *IN_TWO_ROOMS[1][1:]))
    closed = [room_from(p, wall=wall, door=0.0) for p in places]
    assert max(measure_agreement(closed)) < 0.01
    found = replace_poses(closed, search_common_scale(closed))
    assert max(measure_agreement(found)) < 0.02  # nor at any other scale


def test_rooms_that_were_exchanged_contradict_each_other_at_any_scale(room_from: Box) -> None:
    rooms = [room_from(p) for p in IN_TWO_ROOMS]
    exchanged = replace_poses(rooms, [rooms[1].pose, rooms[0].pose])
    found = replace_poses(exchanged, search_common_scale(exchanged))
    assert min(measure_see_through(found, worst=True)) > 0.1
    assert max(measure_agreement(found)) < 0.05 < 0.2 < min(measure_agreement(rooms))


def test_of_different_rooms_the_worst_pair_counts(room_from: Box) -> None:
    """A third room in the place of the first: it fits the second, as it should."""
    rooms = [room_from(p) for p in IN_TWO_ROOMS]
    assert max(measure_see_through(rooms, worst=True)) < 0.02
    third = replace(rooms[1], pose=replace(rooms[1].pose, position=np.array([-0.4, 0.1, -0.3])))
    again = measure_see_through([*rooms, third], worst=True)
    assert again[0] == again[2] > 0.1
    assert measure_see_through([*rooms, third])[0] < 0.02  # by the one it fits best
