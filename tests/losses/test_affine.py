import numpy as np
import pytest
import torch

from pano_losses import affine_invariant_l1
from pano_losses.affine import normalise_affine


def _oracle(d):
    t = np.sort(d)[(len(d) - 1) // 2]
    return (d - t) / np.abs(d - t).mean()


def test_normalisation_equals_the_oracle(maps):
    found = normalise_affine(maps.prediction, maps.valid)
    for i in range(3):
        keep = maps.valid[i]
        np.testing.assert_allclose(
            found[i][keep].numpy(), _oracle(maps.prediction[i][keep].numpy()), atol=1e-13
        )
        assert (found[i][~keep] == 0).all()


def test_loss_pools_the_pixels_of_all_items(maps):
    errors = []
    for i in range(3):
        p, t = (x[i][maps.valid[i]].numpy() for x in maps[:2])
        errors.append(np.abs(_oracle(p) - _oracle(t)))
    found = affine_invariant_l1(*maps).value.item()
    assert found == pytest.approx(np.concatenate(errors).mean(), abs=1e-13)
    by_item = affine_invariant_l1(*maps, averaging="image").value.item()
    assert by_item == pytest.approx(np.mean([e.mean() for e in errors]), abs=1e-13)


def test_scale_and_shift_of_either_side_do_not_matter(maps):
    moved = maps._replace(prediction=3 * maps.prediction - 7, target=0.1 * maps.target + 5)
    torch.testing.assert_close(
        affine_invariant_l1(*moved).value, affine_invariant_l1(*maps).value, rtol=1e-10, atol=0
    )


def test_each_view_has_a_scale_of_its_own(maps):
    scales = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    views = [x.reshape(1, 3, 1, 12, 24) for x in (scales * maps.target, maps.target, maps.valid)]
    assert affine_invariant_l1(*views).value < 1e-12


def test_a_constant_item_is_zero_with_zero_gradient():
    flat = torch.full((1, 1, 4, 4), 0.7, requires_grad=True)
    found = normalise_affine(flat, torch.ones(1, 1, 4, 4, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(found.sum(), flat)
    assert (found == 0).all()
    assert (gradient == 0).all()
