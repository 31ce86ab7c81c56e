import inspect

import pytest
import torch
from torch import Tensor

import pano_losses as pl
from pano_losses import MedianAlignedL1, Reduced, Term, WeightedSum


class _Mean(Term):
    """Mean of a map, optionally of another one on top."""

    def forward(self, *, far, extra=None):
        value = far.mean() + (0 if extra is None else extra.mean())
        return Reduced(value, torch.zeros((), dtype=torch.bool))


def test_total_is_the_weighted_sum_and_values_are_unweighted(maps):
    losses = WeightedSum({"l1": MedianAlignedL1(weight=3.0), "far": _Mean(weight=0.5)})
    far = torch.tensor([2.0])
    total, values = losses(**maps._asdict(), far=far)
    alone = MedianAlignedL1()(**maps._asdict()).value
    assert values == {"l1": alone, "far": torch.tensor(2.0)}
    assert total.item() == pytest.approx(3 * alone.item() + 1.0)


def test_values_are_detached_and_total_is_not(maps):
    prediction = maps.prediction.clone().requires_grad_()
    total, values = WeightedSum({"l1": MedianAlignedL1()})(
        prediction=prediction, target=maps.target, valid=maps.valid
    )
    assert total.requires_grad
    assert not values["l1"].requires_grad


def test_optional_maps_are_passed_when_present():
    losses = WeightedSum({"far": _Mean()})
    assert losses(far=torch.tensor([2.0]))[0] == 2
    assert losses(far=torch.tensor([2.0]), extra=torch.tensor([5.0]), unused=torch.ones(1))[0] == 7


def test_a_missing_map_names_the_term_and_the_map(maps):
    losses = WeightedSum({"range": _Mean()})
    with pytest.raises(ValueError, match=r"'range' needs \['far'\], got \['prediction'"):
        losses(prediction=maps.prediction)


def test_no_terms_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        WeightedSum({})


def test_emptiness_is_reported_on_request(maps):
    losses = WeightedSum({"l1": MedianAlignedL1()}, report_empty=True)
    nothing = maps._replace(valid=torch.zeros_like(maps.valid))
    assert losses(**maps._asdict())[1]["l1_empty"] == 0
    total, values = losses(**nothing._asdict())
    assert values["l1_empty"] == 1
    assert total == 0


def test_constructor_is_typed_for_configuration_files():
    hints = inspect.signature(WeightedSum.__init__).parameters
    assert hints["terms"].annotation == dict[str, Term]
    assert inspect.signature(MedianAlignedL1.__init__).parameters["weight"].annotation is float


def test_compiles_to_one_graph(maps):
    losses = WeightedSum({"l1": MedianAlignedL1()})
    compiled = torch.compile(losses, backend="eager", fullgraph=True)
    assert torch.equal(compiled(**maps._asdict())[0], losses(**maps._asdict())[0])


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
