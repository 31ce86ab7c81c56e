from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.room_layers import compare_states


def _with_object(panorama: PosedPanorama, rows: slice, columns: slice) -> PosedPanorama:
    distance = panorama.distance.copy()
    distance[rows, columns] *= 0.6
    return replace(panorama, distance=distance)


@pytest.mark.parametrize("scale", [1.0, 0.4])
def test_what_went_and_what_came_are_layers(
    box_from: Callable[..., PosedPanorama], scale: float
) -> None:
    empty = box_from((0.3, 0.1, 0.2))
    before = _with_object(empty, slice(36, 46), slice(20, 34))
    after = _with_object(empty, slice(30, 44), slice(90, 100))
    after = replace(after, distance=np.float32(scale) * after.distance)
    layers = compare_states(before, after)
    removed, added = layers["removed"].points, layers["added"].points
    assert 0.6 * 140 < len(removed) <= 140
    assert 0.6 * 140 < len(added) <= 140
    for points, column in ((removed, 27), (added, 95)):
        local = (points - empty.pose.position) @ empty.pose.rotation
        lon = np.arctan2(local[:, 0], local[:, 2])
        assert abs(lon.mean() - (column / 128 - 0.5) * 2 * np.pi) < 0.1
        assert (np.abs(points) < [2.9, 1.4, 2.4]).all()  # inside the room, at the earlier scale
    total = sum(len(layer.points) for layer in layers.values())
    assert total == len(before.world_points()[0])


def test_the_same_state_has_no_change(box_from: Callable[..., PosedPanorama]) -> None:
    room = box_from((0.0, 0.0, 0.0))
    noise = np.exp(np.random.default_rng(0).normal(0, 0.02, room.distance.shape)).astype(np.float32)
    layers = compare_states(room, replace(room, distance=room.distance * noise))
    assert len(layers["removed"].points) == 0
    assert len(layers["added"].points) == 0


def test_states_that_cannot_be_compared_are_refused(box_from: Callable[..., PosedPanorama]) -> None:
    room = box_from((0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="sizes differ"):
        compare_states(room, box_from((0.0, 0.0, 0.0), height=32))
    with pytest.raises(ValueError, match="no pixel is seen in both"):
        compare_states(room, replace(room, distance=np.zeros_like(room.distance)))
