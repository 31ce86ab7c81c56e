"""Quality of a label, patch by patch."""

import math

import pytest
import torch

from experiments.dap.quality import WORST, patch_quality

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
