"""What every loss promises: poison, emptiness, gradients, half precision, one graph."""

import pytest
import torch

from pano_losses import (
    AffineInvariantL1,
    BerHu,
    EdgeSILog,
    GramMatrixLoss,
    LogGradientL1,
    MedianAlignedL1,
    NormalL1,
    PointL1,
    RangeMask,
    SILog,
    ViewAffineInvariantL1,
    WeightedSum,
)

from .conftest import make_maps

DISTANCE = {
    "median_l1": MedianAlignedL1(),
    "median_l1_pixel": MedianAlignedL1(averaging="pixel"),
    "silog": SILog(),
    "silog_pixel": SILog(averaging="pixel", variance_focus=0.85),
    "edge_silog": EdgeSILog(quantile=0.6),
    "berhu": BerHu(),
    "berhu_image": BerHu(switch="image"),
    "points": PointL1(),
    "normals": NormalL1(),
    "gram": GramMatrixLoss(size=6),
    "gram_row": GramMatrixLoss(size=6, normalisation="row"),
    "gram_mean": GramMatrixLoss(size=6, normalisation="truth_mean"),
    "log_gradient": LogGradientL1(),
    "log_gradient_pixel": LogGradientL1(averaging="pixel", steps=(1, 3)),
    "affine": AffineInvariantL1(),
    "affine_midpoint": AffineInvariantL1(median_rule="midpoint", averaging="image"),
}
every_loss = pytest.mark.parametrize("name", sorted(DISTANCE))


def _gradient(term, maps):
    prediction = maps.prediction.clone().requires_grad_()
    reduced = term(prediction=prediction, target=maps.target, valid=maps.valid)
    return reduced, torch.autograd.grad(reduced.value, prediction)[0]


@every_loss
@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -1.0, 0.0])
def test_poison_under_the_mask_changes_neither_value_nor_gradient(maps, name, poison):
    clean, clean_gradient = _gradient(DISTANCE[name], maps.poisoned(1.0))
    bad, bad_gradient = _gradient(DISTANCE[name], maps.poisoned(poison))
    assert clean.value > 0
    assert torch.equal(clean.value, bad.value)
    assert torch.equal(clean_gradient, bad_gradient)
    assert (bad_gradient[~maps.valid] == 0).all()


@every_loss
def test_empty_mask_gives_zero_with_zero_gradient_and_a_flag(maps, name):
    nothing = maps._replace(valid=torch.zeros_like(maps.valid)).poisoned(float("nan"))
    reduced, gradient = _gradient(DISTANCE[name], nothing)
    assert reduced.value == 0
    assert reduced.empty
    assert (gradient == 0).all()
    assert not DISTANCE[name](**maps._asdict()).empty


@every_loss
def test_an_empty_image_in_a_batch_changes_nothing(maps, name):
    valid = maps.valid.clone()
    valid[1] = False
    with_empty = DISTANCE[name](prediction=maps.prediction, target=maps.target, valid=valid)
    alone = DISTANCE[name](**{k: v[[0, 2]] for k, v in maps._asdict().items()})
    torch.testing.assert_close(with_empty.value, alone.value, rtol=1e-12, atol=1e-14)


@every_loss
def test_a_perfect_prediction_costs_nothing_and_has_finite_gradient(maps, name):
    perfect = maps._replace(prediction=maps.target)
    reduced, gradient = _gradient(DISTANCE[name], perfect)
    assert reduced.value.abs() < 1e-12
    assert gradient.isfinite().all()


@every_loss
def test_gradient_in_float64(generator, name):
    maps = make_maps(generator, batch=2, height=6, width=12)
    prediction = maps.prediction.requires_grad_()
    # BerHu's switch is a constant for the gradient by definition: keep the largest error fixed.
    if "berhu" in name:
        error = torch.where(maps.valid, (maps.prediction - maps.target).abs().detach(), 0.0)
        free = maps.valid & (error < 0.9 * error.flatten(1).amax(1).reshape(-1, 1, 1, 1))
        fixed = maps.prediction.detach().clone()  # gradcheck works in place
        assert torch.autograd.gradcheck(
            lambda p: (
                DISTANCE[name](
                    prediction=torch.where(free, p, fixed), target=maps.target, valid=maps.valid
                ).value
            ),
            prediction,
        )
        return
    assert torch.autograd.gradcheck(
        lambda p: DISTANCE[name](prediction=p, target=maps.target, valid=maps.valid).value,
        prediction,
        fast_mode=True,
    )


@every_loss
def test_finite_under_bfloat16_autocast(maps, name):
    prediction = maps.prediction.to(torch.bfloat16).requires_grad_()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = DISTANCE[name](
            prediction=prediction * 1.0, target=maps.target.float(), valid=maps.valid
        )
    (gradient,) = torch.autograd.grad(reduced.value, prediction)
    assert reduced.value.dtype == torch.float32
    assert reduced.value.isfinite()
    assert gradient.isfinite().all()
    exact = DISTANCE[name](**maps._asdict()).value.item()
    assert reduced.value.item() == pytest.approx(exact, rel=0.05)


@every_loss
def test_one_graph(maps, name):
    single = {k: v.float() if v.is_floating_point() else v for k, v in maps._asdict().items()}
    compiled = torch.compile(DISTANCE[name], backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(**single).value, DISTANCE[name](**single).value)


def test_full_dap_loss_backpropagates(maps, generator):
    far = ~maps.valid & (torch.rand(maps.valid.shape, generator=generator) > 0.5)
    probability = torch.rand(maps.valid.shape, generator=generator, dtype=torch.float64)
    terms = {
        "silog": SILog(),
        "df": GramMatrixLoss(size=8),
        "grad": EdgeSILog(),
        "normal": NormalL1(),
        "pts": PointL1(),
        "mask": RangeMask(),
    }
    losses = WeightedSum(terms)
    assert {n: t.weight for n, t in terms.items()} == {
        "silog": 1.0, "df": 0.4, "grad": 5.0, "normal": 2.0, "pts": 2.0, "mask": 2.0
    }  # fmt: skip
    prediction = maps.prediction.clone().requires_grad_()
    probability.requires_grad_()
    total, values = losses(
        prediction=prediction,
        target=maps.target,
        valid=maps.valid,
        far_probability=probability,
        far=far,
    )
    total.backward()
    assert set(values) == set(terms)
    assert all(v > 0 for v in values.values())
    assert prediction.grad.isfinite().all()
    assert probability.grad.isfinite().all()
    expected = sum(t.weight * values[n].item() for n, t in terms.items())
    assert total.item() == pytest.approx(expected, rel=1e-12)


def test_view_loss_promises_the_same(maps):
    views = [x.reshape(1, 3, 1, 12, 24) for x in maps]
    term = ViewAffineInvariantL1()
    names = ("view_prediction", "view_target", "view_valid")
    found = term(**dict(zip(names, views, strict=True))).value
    flat = AffineInvariantL1()(**maps._asdict()).value
    assert torch.equal(found, flat)


@pytest.mark.gpu
@every_loss
def test_deterministic_and_without_host_synchronisation_on_a_gpu(maps, name):
    moved = type(maps)(*(x.float().cuda() if x.is_floating_point() else x.cuda() for x in maps))
    term = DISTANCE[name].cuda()
    _gradient(term, moved)  # tables are built once
    torch.cuda.set_sync_debug_mode("error")
    torch.use_deterministic_algorithms(True)
    try:
        first, first_gradient = _gradient(term, moved)
        again, again_gradient = _gradient(term, moved)
    finally:
        torch.cuda.set_sync_debug_mode("default")
        torch.use_deterministic_algorithms(False)
        term.cpu()
    assert torch.equal(first.value, again.value)
    assert torch.equal(first_gradient, again_gradient)
    exact = DISTANCE[name](**maps._asdict()).value.item()
    assert first.value.item() == pytest.approx(exact, rel=1e-4)
