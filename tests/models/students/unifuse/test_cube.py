import json
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_models.students.unifuse.cube import (
    released_cube,
    released_equirectangular,
    released_sample_grid,
)
from tests.parity import stand_in

FOLDER = Path(__file__).parents[3] / "parity" / "unifuse"


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


class TestReleasedCube:
    @pytest.mark.parametrize(("height", "step", "name"), [(256, 1, "256"), (512, 8, "512_s8")])
    def test_bytes_agree_but_for_rounding_ties(self, expected, height, step, name):
        faces = released_cube(stand_in.image(height, 2 * height))
        strip = torch.cat((faces[0] * 255).round().unbind(0), dim=-1)[:, ::step, ::step]
        off = (strip - torch.from_numpy(expected[f"cube_u8_{name}"]).permute(2, 0, 1)).abs()
        assert off.max() <= 1
        assert (off > 0).sum() <= 10

    def test_values_outside_the_range_are_clipped(self):
        faces = released_cube(torch.tensor([-0.5, 1.5]).view(2, 1, 1, 1).expand(2, 3, 32, 64))
        assert not faces[0].any()
        assert torch.equal(faces[1], torch.ones(6, 3, 16, 16))


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
        picture = (pg.Equirectangular(64, 128).rays().permute(2, 0, 1)[None] + 1) / 2
        back = released_equirectangular(released_cube(picture), 64, 128)
        # two roundings to 8 bits; at the zenith the released wrap blends the wrong rows
        assert (back - picture)[:, :, 8:-8].abs().max() < 1.5 / 255

    def test_bfloat16_features_are_read_at_exact_positions(self):
        faces = torch.rand(1, 6, 2, 64, 64, generator=torch.Generator().manual_seed(0))
        got = released_equirectangular(faces.bfloat16(), 128, 256)
        assert got.dtype == torch.bfloat16
        assert (got - released_equirectangular(faces, 128, 256)).abs().mean() < 2e-3
