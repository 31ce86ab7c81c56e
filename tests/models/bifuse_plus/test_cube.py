import json
from pathlib import Path

import pytest
import torch

import pano_geometry as pg
from pano_models.bifuse_plus.cube import (
    FACE_AXES,
    exact_cube,
    exact_equirectangular,
    face_grid,
    projections,
    released_cube,
    released_equirectangular,
)

FOLDER = Path(__file__).parents[2] / "parity" / "bifusepp"


def rays(height: int) -> torch.Tensor:
    return pg.Equirectangular(height, 2 * height).rays().permute(2, 0, 1)[None]


class TestReleasedCube:
    def test_faces_are_those_of_the_geometry_package_in_the_order_b_d_f_l_r_u(self):
        frames = pg.face_rotations()  # F R B L U D; columns are right, down, forward
        for axes, index in zip(FACE_AXES, (2, 5, 0, 3, 1, 4), strict=True):
            assert torch.equal(torch.tensor(axes, dtype=torch.float32).T, frames[index])

    def test_directions_at_face_centres(self):
        faces = released_cube(rays(256))
        centre = faces[0, :, :, 63:65, 63:65].mean(dim=(2, 3))
        forward = torch.tensor([axes[2] for axes in FACE_AXES], dtype=torch.float32)
        torch.testing.assert_close(centre, forward, atol=0.02, rtol=0)

    def test_round_trip_of_a_smooth_field(self):
        field = rays(128)
        back = released_equirectangular(released_cube(field))
        assert (back - field).abs().mean() < 5e-3

    def test_coordinates_agree_with_the_checkpoint_tables(self):
        """Sums of the face pixels (`XY_`) the release stores per face for 8x16."""
        table = json.loads((FOLDER / "fixed.json").read_text())
        grid = face_grid(8, 16)[0, 0]
        face = ((grid[..., 2] + 1) * 2.5).round().long()
        for index in range(6):
            entry = table[f"dnet.ce.c2e.(4).XY_{index}"]
            pixels = (grid[face == index][:, :2] + 1) / 2 * 3
            assert list(pixels.shape) == entry["shape"]
            assert pixels.sum().item() == pytest.approx(entry["sum"], abs=1e-3)


class TestExactCube:
    def test_round_trip_of_a_smooth_field(self):
        field = rays(128)
        back = exact_equirectangular(exact_cube(field))
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
