import pytest
import torch
from torch import Tensor

import pano_losses as pl
from pano_losses.terms import WeightedSum


def maps(images: int = 6) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    prediction, target = torch.rand(2, images, 1, 8, 16, generator=generator) + 1
    valid = torch.rand(images, 1, 8, 16, generator=generator) > 0.3
    valid[1, :, 2:] = False  # few pixels
    valid[4] = False  # none
    return {"prediction": prediction.requires_grad_(), "target": target, "valid": valid}


def rows(*indices: int) -> dict[str, Tensor]:
    return {name: torch.tensor(indices, dtype=torch.long) for name in maps()}


GROUPS = {"a": rows(0, 2, 3), "b": rows(1, 4), "c": rows(5)}


@pytest.mark.parametrize("averaging", ["image", "pixel"])
def test_parts_sum_to_the_loss_and_to_its_gradient(averaging: str) -> None:
    terms: dict[str, pl.Term] = {
        "aligned": pl.MedianAlignedL1(weight=2.0, averaging=averaging),  # type: ignore[arg-type]
        "affine": pl.AffineInvariantL1(averaging=averaging),  # type: ignore[arg-type]
    }
    loss, batch = WeightedSum(terms), maps()
    total, _ = loss(**batch)
    parts = pl.split_loss(loss, batch, GROUPS)
    torch.testing.assert_close(sum(parts.values()), total)
    whole = torch.autograd.grad(total, batch["prediction"], retain_graph=True)[0]
    added = torch.autograd.grad(sum(parts.values()), batch["prediction"])[0]  # type: ignore[arg-type]
    torch.testing.assert_close(added, whole)


def test_a_group_of_few_pixels_counts_little_only_where_pixels_are_averaged() -> None:
    batch = maps()
    shares = {}
    for averaging in ("image", "pixel"):
        term = pl.MedianAlignedL1(averaging=averaging)  # type: ignore[arg-type]
        parts = pl.split_loss(WeightedSum({"d": term}), batch, GROUPS)
        shares[averaging] = float(parts["b"] / sum(parts.values()))
    assert shares["pixel"] < 0.1 < shares["image"]


def test_a_group_without_rows_or_valid_pixels_adds_nothing() -> None:
    loss = WeightedSum({"d": pl.MedianAlignedL1()})
    parts = pl.split_loss(loss, maps(), {"empty": rows(), "blind": rows(4), "all": rows(0, 1)})
    assert float(parts["empty"]) == float(parts["blind"]) == 0.0 < float(parts["all"])


def test_rows_must_be_given_for_every_map() -> None:
    loss = WeightedSum({"d": pl.MedianAlignedL1()})
    with pytest.raises(ValueError, match=r"no rows for \['valid'\]"):
        pl.split_loss(loss, maps(), {"a": {k: v for k, v in rows(0).items() if k != "valid"}})
