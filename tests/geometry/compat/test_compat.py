"""How far the releases' samplers are from the exact ones; parity is in tests/parity."""

import pytest
import torch

import pano_geometry as pg
from pano_geometry.compat import depth_anywhere, unifuse
from tests.geometry.fields import erp_rays, pixel_error

WIDTH = 256


@pytest.fixture(scope="module")
def rays():
    return erp_rays(WIDTH // 2, WIDTH)


def test_golden_35_unifuse_pair_is_consistent_inside_faces(rays) -> None:
    back = unifuse.cube_to_erp(unifuse.erp_to_cube(rays, WIDTH // 4), WIDTH // 2, WIDTH)
    error = pixel_error(back, rays, WIDTH)
    assert error.mean() < 0.005
    assert error.median() < 0.002


def test_golden_36_depth_anywhere_identity_blurs(rays) -> None:
    error = pixel_error(depth_anywhere.rotate(rays, torch.eye(3)), rays, WIDTH)
    inside = error[:, 1:-1, 1:-1]
    assert float(inside.mean()) == pytest.approx(0.337, abs=0.02)
    assert 0.45 < float(inside.max()) < 0.52


def test_golden_36_depth_anywhere_faces_are_off(rays) -> None:
    faces = depth_anywhere.erp_to_cube(rays, WIDTH // 4)[:, depth_anywhere.TO_PLAIN]
    exact = pg.erp_to_cube(rays, WIDTH // 4)
    means = [
        float(pixel_error(faces[:, k], exact[:, k], WIDTH)[:, 1:-1, 1:-1].mean()) for k in range(6)
    ]
    assert means[0] == pytest.approx(0.15, abs=0.05)  # front
    assert means[2] == pytest.approx(0.41, abs=0.08)  # back
    assert max(means) == means[2]


def test_face_orders_are_inverse_permutations() -> None:
    plain = torch.arange(6)
    assert torch.equal(plain[list(depth_anywhere.FROM_PLAIN)][list(depth_anywhere.TO_PLAIN)], plain)
    assert "".join(pg.FACES[i] for i in depth_anywhere.FROM_PLAIN) == "BDFLRU"


def test_compat_is_differentiable(generator) -> None:
    erp = torch.rand(1, 1, 8, 16, generator=generator).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: depth_anywhere.erp_to_cube(x, 4), (erp,))
    assert torch.autograd.gradcheck(lambda x: unifuse.erp_to_cube(x, 4), (erp,))


def test_unifuse_refuses_other_modes(rays) -> None:
    with pytest.raises(ValueError, match="mode"):
        unifuse.erp_to_cube(rays, 8, "bicubic")
