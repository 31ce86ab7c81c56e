"""Scores of a teacher on views: against NumPy, and on teachers whose knowledge is known."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from experiments.depth_anywhere.view_scores import ViewScores, correlation, score_views
from experiments.depth_anywhere.views import CubeViews, cut_labelled

VIEWS = CubeViews(16)


def room(count: int = 2) -> dict[str, Tensor]:
    """Panoramas of boxes: distance is analytic, colour tells the disparity."""
    h, w = 32, 64
    lat = (0.5 - (torch.arange(h) + 0.5) / h) * math.pi
    lon = ((torch.arange(w) + 0.5) / w - 0.5) * 2 * math.pi
    ray = torch.stack(
        [
            lat.cos()[:, None] * lon.sin(),
            -lat.sin()[:, None].expand(h, w),
            lat.cos()[:, None] * lon.cos(),
        ]
    )
    half = torch.tensor([2.0, 1.3, 3.0])[:, None, None]
    distance = (half / ray.abs().clamp(min=1e-6)).amin(0).expand(count, 1, h, w).clone()
    return {
        "image": (0.3 / distance).expand(-1, 3, -1, -1).clone(),
        "distance": distance,
        "valid": torch.ones(count, 1, h, w, dtype=torch.bool),
    }


def taken(teacher: Any, batch: dict[str, Tensor]) -> dict[str, float]:
    scores = ViewScores(["rooms"], VIEWS, max_angle_deg=30.0)
    scores.update(0, teacher, batch)
    return {k.removeprefix("rooms/views/"): v for k, v in scores.compute_and_reset().items()}


def test_correlation_equals_numpy_and_ignores_what_is_not_valid() -> None:
    generator = torch.Generator().manual_seed(2)
    a, b = torch.rand(2, 3, 1, 8, 8, generator=generator)
    valid = torch.rand(3, 1, 8, 8, generator=generator) > 0.3
    expected = [np.corrcoef(a[i][valid[i]], b[i][valid[i]])[0, 1] for i in range(3)]
    a[~valid] = torch.nan
    np.testing.assert_allclose(correlation(a, b, valid).numpy(), expected, atol=1e-9)
    assert correlation(torch.ones_like(b), b, valid).abs().max() == 0


def test_a_teacher_that_knows_the_disparity_up_to_scale_and_shift_is_nearly_perfect() -> None:
    cosine = VIEWS.cosine(torch.zeros(1))

    def teacher(image: Tensor) -> dict[str, Tensor]:
        return {"disparity_affine": 7 * image[:, :1] / cosine + 5}

    # interpolated disparity is not quite the inverse of interpolated distance
    got = taken(teacher, room())
    assert got["correlation"] > 0.97
    assert got["absrel"] < 0.25 * got["absrel_constant"]
    assert got["views"] == 12


def test_a_teacher_of_a_sphere_scores_as_the_constant_beside_it() -> None:
    sphere = 1 / VIEWS.cosine(torch.zeros(1))
    got = taken(lambda image: {"disparity_affine": sphere.expand(len(image), 1, 16, 16)}, room())
    assert got["absrel"] == pytest.approx(got["absrel_constant"], rel=1e-4)


def test_a_teacher_that_says_near_for_far_correlates_negatively() -> None:
    got = taken(lambda image: {"disparity_affine": -image[:, :1]}, room())
    assert got["correlation"] < -0.5


def test_views_that_are_hardly_labelled_are_left_out() -> None:
    batch = room(1)
    batch["valid"][:] = False
    batch["valid"][..., :, 24:40] = True
    got = taken(lambda image: {"disparity_affine": image[:, :1]}, batch)
    assert 0 < got["views"] < 6
    batch["distance"][:] = 11.0  # beyond the range of rooms
    assert taken(lambda image: {"disparity_affine": image[:, :1]}, batch)["views"] == 0


def test_the_turns_of_a_validation_are_the_same_each_time() -> None:
    scores = ViewScores(["rooms"], VIEWS, max_angle_deg=45.0)
    found = []
    for _ in range(2):
        for _ in range(2):
            scores.update(0, lambda image: {"disparity_affine": image[:, :1] ** 2}, room())
        found.append(scores.compute_and_reset())
    assert found[0] == found[1]
    assert found[0]["rooms/views/views"] == 24


def test_nothing_under_the_mask_changes_a_score() -> None:
    views = cut_labelled(VIEWS, room(1), torch.eye(3)[None])
    views.valid[:, :, :4] = False
    cosine, said = VIEWS.cosine(views.depth), views.image[:, :1].clone()
    clean = score_views(said, views, cosine)
    said[:, :, :4], views.depth[:, :, :4] = torch.nan, torch.nan
    torch.testing.assert_close(score_views(said, views, cosine), clean)
