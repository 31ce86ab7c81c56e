"""Quality of a label, patch by patch."""

import math

import pytest
import torch

from experiments.dap.label_quality import WORST, RankCorrelation, patch_quality

SHAPE, GRID = (1, 1, 8, 16), (2, 4)


def maps() -> dict[str, torch.Tensor]:
    truth = 1 + 9 * torch.rand(SHAPE)
    none = torch.zeros(SHAPE, dtype=torch.bool)
    return {"metres": truth, "far": none, "truth": truth, "valid": ~none, "truly_far": none}


def test_the_truth_at_any_scale_is_perfect() -> None:
    given = maps()
    given["metres"] = 7 * given["truth"]
    quality = patch_quality(**given, grid=GRID, tolerance=0.3)
    torch.testing.assert_close(quality, torch.ones(1, 1, *GRID))


def test_a_patch_that_is_off_by_a_factor_is_worse_and_the_others_are_not() -> None:
    given = maps()
    given["metres"] = given["truth"].clone()
    given["metres"][..., :4, :4] *= 1.5
    found = patch_quality(**given, grid=GRID, tolerance=0.3)
    expected = torch.ones(1, 1, *GRID)
    expected[..., 0, 0] = math.exp(-math.log(1.5) / 0.3)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("missed", [True, False])
def test_sky_that_is_missed_or_made_up_is_worst(missed: bool) -> None:
    given = maps()
    sky = torch.zeros(SHAPE, dtype=torch.bool)
    sky[..., :4, :4] = True
    given["truly_far" if missed else "far"] = sky
    if missed:
        given["valid"] = ~sky
    found = patch_quality(**given, grid=GRID, tolerance=0.5)
    assert found[0, 0, 0, 0].item() == pytest.approx(math.exp(-WORST / 0.5))
    assert (found.flatten()[1:] == 1).all()


def test_what_is_not_known_counts_for_nothing() -> None:
    given = maps()
    given["valid"] = torch.rand(SHAPE) > 0.4
    clean = patch_quality(**given, grid=GRID, tolerance=0.3)
    given["truth"] = given["truth"].where(given["valid"], float("nan"))
    assert torch.equal(patch_quality(**given, grid=GRID, tolerance=0.3), clean)


SIZE = (8, 16)


def batch(count: int) -> dict[str, torch.Tensor]:
    return {
        "distance": torch.full((count, 1, *SIZE), 4.0),
        "valid": torch.ones(count, 1, *SIZE, dtype=torch.bool),
        "far": torch.zeros(count, 1, *SIZE, dtype=torch.bool),
    }


def labels(spread: torch.Tensor) -> torch.Tensor:
    """Labels of which one half of the columns is too far by a growing share."""
    metres = torch.full((len(spread), 1, *SIZE), 4.0)
    metres[..., : SIZE[1] // 4] *= 1 + spread.view(-1, 1, 1, 1)
    return metres


@pytest.mark.parametrize(("sign", "expected"), [(-1.0, -1.0), (1.0, 1.0)])
def test_a_score_that_falls_with_the_error_is_minus_one(sign: float, expected: float) -> None:
    spread = torch.tensor([0.1, 0.4, 0.2, 0.8, 0.3])
    rank = RankCorrelation(["rooms", "streets"], "da2_paper")
    for part in (slice(0, 3), slice(3, 5)):
        score = torch.sigmoid(sign * spread[part] ** 3)  # any rising function of it
        rank.update(1, score, labels(spread[part]), batch(len(spread[part])))
    found = rank.compute_and_reset()
    assert found["streets/rank/spearman"] == pytest.approx(expected)
    assert found["streets/rank/absrel"] == pytest.approx(float(spread.mean()) / 4)
    assert math.isnan(found["rooms/rank/spearman"])  # nothing was added
    assert math.isnan(
        rank.compute_and_reset()["streets/rank/spearman"]
    )  # the lists are empty again


def test_scale_is_no_error_and_equal_scores_have_no_rank() -> None:
    rank = RankCorrelation(["rooms"], "da2_paper")
    rank.update(0, torch.tensor([0.1, 0.2, 0.3]), 7 * labels(torch.zeros(3)), batch(3))
    assert rank.compute_and_reset()["rooms/rank/absrel"] == pytest.approx(0, abs=1e-6)
    rank.update(0, torch.full((3,), 0.5), labels(torch.tensor([0.1, 0.2, 0.3])), batch(3))
    assert math.isnan(rank.compute_and_reset()["rooms/rank/spearman"])


def test_a_picture_without_truth_is_left_out() -> None:
    spread = torch.tensor([0.1, 0.2, 0.3, 0.9])
    truth = batch(4)
    truth["valid"][3] = False
    rank = RankCorrelation(["rooms"], "da2_paper")
    rank.update(0, torch.tensor([0.9, 0.8, 0.7, 1.0]), labels(spread), truth)
    assert rank.compute_and_reset()["rooms/rank/spearman"] == pytest.approx(-1)
