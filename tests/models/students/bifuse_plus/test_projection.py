import pytest
import torch

import pano_geometry as pg
from pano_models.students.bifuse_plus.projection import (
    exact_cube,
    exact_panorama,
    projections,
    released_cube,
    released_panorama,
)


def rays(height: int) -> torch.Tensor:
    return pg.Equirectangular(height, 2 * height).rays().permute(2, 0, 1)[None]


class TestReleased:
    def test_round_trip_of_a_smooth_field(self):
        field = rays(128)
        back = released_panorama(released_cube(field))
        assert (back - field).abs().mean() < 5e-3

    def test_faces_come_in_the_order_b_d_f_l_r_u(self):
        centres = released_cube(rays(64))[0, :, :, 15:17, 15:17].mean(dim=(2, 3))
        forward = [(0, 0, -1), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (1, 0, 0), (0, -1, 0)]
        expected = torch.tensor(forward, dtype=torch.float32)
        torch.testing.assert_close(centres, expected, atol=0.05, rtol=0)


class TestExact:
    def test_round_trip_of_a_smooth_field(self):
        field = rays(128)
        back = exact_panorama(exact_cube(field))
        assert (back - field).abs().max() < 2e-3

    def test_quarter_turn_permutes_the_side_faces(self):
        field = torch.rand(1, 2, 32, 64)
        turned = exact_cube(field.roll(-16, -1))
        torch.testing.assert_close(turned[:, :3], exact_cube(field)[:, 1:4], atol=1e-5, rtol=0)


@pytest.mark.parametrize("faithful", [True, False])
def test_projections_keep_faces_of_a_sample_together(faithful):
    to_cube, to_panorama = projections(faithful, equivariant=False)
    erp = torch.rand(2, 3, 16, 32)
    faces = to_cube(erp)
    assert faces.shape == (12, 3, 8, 8)
    assert torch.equal(faces[6:], to_cube(erp[1:]))
    assert to_panorama(faces).shape == erp.shape


@pytest.mark.parametrize("project", [released_cube, released_panorama, exact_cube, exact_panorama])
def test_bfloat16_features_are_read_at_exact_positions(project):
    """With positions in bfloat16 the released samplers were off by 0.06, or read no picture."""
    shape = (1, 2, 64, 128) if project in (released_cube, exact_cube) else (1, 6, 2, 64, 64)
    features = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    got = project(features.bfloat16())
    assert got.dtype == torch.bfloat16
    assert (got - project(features)).abs().mean() < 2e-3
