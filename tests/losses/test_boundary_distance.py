import math

import pytest
import torch
from scipy.ndimage import distance_transform_edt

from pano_losses import evaluate
from pano_losses.boundary_distance import BOUNDARY_DISTANCE, REACH, distance_to_edges

VALID = torch.ones(1, 1, 32, 64, dtype=torch.bool)


def walls(first: int, last: int, near: float = 2.0, far: float = 3.0) -> torch.Tensor:
    """Return two equal walls, opposite each other: columns go on in themselves across the poles."""
    distance = torch.full((1, 1, 32, 64), far, dtype=torch.float64)
    for half in (0, 32):
        distance[..., first + half : last + half] = near
    return distance


def scores(prediction, target, valid=VALID):
    return {n: m.per_image(prediction, target, valid).item() for n, m in BOUNDARY_DISTANCE.items()}


def test_distances_are_those_of_scipy_across_the_seam():
    edges = torch.rand(2, 1, 24, 48, generator=torch.Generator().manual_seed(3)) > 0.985
    for mine, mask in zip(distance_to_edges(edges)[:, 0], edges[:, 0].numpy(), strict=True):
        three = torch.from_numpy(mask).repeat(1, 3).numpy()
        exact = torch.from_numpy(distance_transform_edt(~three))[:, 48:96].clamp(max=REACH)
        torch.testing.assert_close(mine, exact)
    assert (distance_to_edges(torch.zeros(1, 1, 4, 8, dtype=torch.bool)) == REACH).all()


def test_a_wall_that_is_moved_is_off_by_as_many_columns():
    assert set(scores(walls(4, 20), walls(4, 20)).values()) == {0.0}
    moved = scores(walls(7, 23), walls(4, 20))
    # Both columns beside a step are edges: the nearer one is 3 - 1 away, the other 3.
    assert moved["boundary_accuracy_px_0.25m"] == pytest.approx(2.5)
    assert moved["boundary_completeness_px_0.25m"] == pytest.approx(2.5)
    around = scores(walls(1, 15), walls(1, 15).roll(-3, -1))
    assert around["boundary_accuracy_px_1m"] == pytest.approx(2.5)


def test_an_edge_too_many_and_one_too_few():
    flat, room = walls(0, 0), walls(4, 20)
    missing = scores(flat, room)
    assert math.isnan(missing["boundary_accuracy_px_0.5m"])
    assert missing["boundary_completeness_px_0.5m"] == REACH
    invented = scores(room, flat)
    assert all(math.isnan(value) for value in invented.values())
    weak = scores(walls(4, 20, 2.9), room)  # a step of 0.1 m has a gradient of 0.4
    assert weak["boundary_completeness_px_0.25m"] == 0.0
    assert weak["boundary_completeness_px_0.5m"] == REACH


def test_poison_under_the_mask_changes_nothing():
    prediction, target = walls(7, 23), walls(4, 20)
    valid = VALID.clone()
    valid[..., 5:9, 3:12] = False
    expected = scores(prediction, target, valid)
    poison = torch.where(valid, prediction, float("nan")), torch.where(valid, target, float("nan"))
    assert scores(*poison, valid) == expected


def test_protocol_scores_metres_up_to_its_cap():
    scored = evaluate(walls(7, 23), walls(4, 20), VALID, protocol="boundary_distance")
    assert scored["boundary_accuracy_px_0.25m"] == pytest.approx(2.5)
    beyond = walls(4, 20, far=9.0)  # no truth beyond 8 m, so no edge towards it
    assert math.isnan(
        evaluate(beyond, beyond, VALID, protocol="boundary_distance")[
            "boundary_completeness_px_0.25m"
        ]
    )
