import inspect

import pytest
import torch

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
