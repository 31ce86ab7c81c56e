import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_models.unifuse.cube import (
    released_cube,
    released_cube_uint8,
    released_equirectangular,
    released_sample_grid,
)
from tests.parity import stand_in

FOLDER = Path(__file__).parents[2] / "parity" / "unifuse"


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


class TestReleasedCube:
    @pytest.mark.parametrize(("height", "step", "name"), [(256, 1, "256"), (512, 8, "512_s8")])
    def test_bytes_agree_but_for_rounding_ties(self, expected, height, step, name):
        faces = released_cube_uint8(stand_in.image(height, 2 * height))
        strip = torch.cat((faces[0] * 255).round().unbind(0), dim=-1)[:, ::step, ::step]
        off = (strip - torch.from_numpy(expected[f"cube_u8_{name}"]).permute(2, 0, 1)).abs()
        assert off.max() <= 1
        assert (off > 0).sum() <= 10

    def test_constant(self):
        faces = released_cube(torch.full((2, 3, 32, 64), 0.25))
        torch.testing.assert_close(faces, torch.full((2, 6, 3, 16, 16), 0.25))

    def test_edge_inclusive_face_sees_the_forward_axis_between_its_middle_samples(self):
        # x of the direction as the picture: antisymmetric about the centre of the front face
        rays = pg.Equirectangular(64, 128).rays()
        front = released_cube(rays[..., :1].permute(2, 0, 1)[None])[0, 0, 0]
        torch.testing.assert_close(front, -front.flip(-1), atol=1e-6, rtol=0)
        assert front[16, -1] == pytest.approx(2**-0.5, abs=2e-3)  # its border lies at 45 degrees

    def test_differentiable(self):
        rgb = torch.rand(1, 1, 8, 16, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(released_cube, (rgb,))


class TestReleasedSampleGrid:
    @pytest.mark.parametrize("index", [0, 1, 2])
    def test_agrees_with_the_checkpoint_buffers(self, expected, index):
        reference = expected[f"grid_256_projector{index}"]
        own = released_sample_grid(reference.shape[2], reference.shape[3]).numpy()
        assert np.abs(own - reference).max() < 1e-5

    @pytest.mark.parametrize("height", [256, 512])
    def test_sums_of_all_sizes(self, height):
        table = json.loads((FOLDER / f"fixed_{height}x{2 * height}.json").read_text())
        for i in range(5):
            entry = table[f"projectors.{i}.sample_grid"]
            h, w = entry["shape"][2:4]
            own = released_sample_grid(h, w).double()
            assert own.sum().item() == pytest.approx(entry["sum"], abs=1e-2)
            assert own.abs().sum().item() == pytest.approx(entry["abs_sum"], rel=1e-6)


class TestReleasedEquirectangular:
    def test_undoes_the_cube(self):
        rays = pg.Equirectangular(64, 128).rays().permute(2, 0, 1)[None]
        back = released_equirectangular(released_cube(rays), 64, 128)
        # exact inside the faces; at the zenith the released wrap blends the wrong rows
        assert (back - rays)[:, :, 8:-8].abs().max() < 5e-3
