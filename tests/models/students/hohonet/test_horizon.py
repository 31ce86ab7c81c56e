import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pano_models.students.hohonet.horizon import (
    AzimuthTransformer,
    CosineColumns,
    RelativeAzimuth,
    azimuth_encoding,
    cosine_basis,
    upsample_azimuth,
)

FOLDER = Path(__file__).parents[3] / "parity" / "hohonet"


class TestUpsampleAzimuth:
    @pytest.mark.parametrize("scale", [1, 2, 4, 8])
    def test_rolls_by_the_scale(self, scale):
        x = torch.rand(2, 3, 5, 8)
        y = upsample_azimuth(x, scale)
        assert y.shape == (2, 3, 5, 8 * scale)
        assert torch.equal(upsample_azimuth(x.roll(3, -1), scale), y.roll(3 * scale, -1))

    def test_linear_between_pixel_centres_across_the_seam(self):
        y = upsample_azimuth(torch.tensor([[[0.0, 4.0]]]), 2)
        assert y.tolist() == [[[1.0, 1.0, 3.0, 3.0]]]


class TestTables:
    def test_samples_of_the_released_tables(self):
        with np.load(FOLDER / "expected.npz") as arrays:
            position, basis = arrays["pos_s64"], arrays["basis_s8"]
        assert np.abs(azimuth_encoding(1024, 256)[::64, ::64].numpy() - position).max() < 5e-6
        assert np.abs(cosine_basis(64, 512)[::8, ::32].numpy() - basis).max() < 2e-5

    def test_sums_of_the_released_tables(self):
        table = json.loads((FOLDER / "fixed.json").read_text())
        basis, position = cosine_basis(64, 512).double(), azimuth_encoding(1024, 256).double()
        assert basis.abs().sum().item() == pytest.approx(
            table["modalities.0.basis"]["abs_sum"], rel=1e-6
        )
        assert position.sum().item() == pytest.approx(table["horizon_refine.pos"]["sum"], rel=1e-6)

    def test_basis_is_orthogonal(self):
        basis = cosine_basis(8, 32).double()
        gram = basis @ basis.T
        assert torch.allclose(gram, torch.diag(gram.diag()), atol=1e-5)


class TestRelativeAzimuth:
    def test_zero_at_the_start_and_a_series_of_the_difference(self):
        bias = RelativeAzimuth(heads=2, harmonics=3)
        assert not bias(16).any()
        torch.nn.init.zeros_(bias.coefficients)
        with torch.no_grad():
            bias.coefficients[1, 1] = 2.0  # second cosine harmonic of the second head
        out = bias(16)
        assert out[1, 5, 9].item() == pytest.approx(
            2 * math.cos(2 * 4 * 2 * math.pi / 16), abs=1e-6
        )
        assert torch.equal(out.roll((3, 3), (1, 2)), out)


class TestAzimuthTransformer:
    @torch.no_grad()
    def test_relative_positions_roll(self):
        torch.manual_seed(0)
        model = AzimuthTransformer(32, 16, heads=4, feedforward=64, layers=2, relative=True).eval()
        model.relative.coefficients.normal_()
        x = torch.randn(2, 32, 16)
        error = (model(x.roll(5, -1)) - model(x).roll(5, -1)).abs().max()
        assert error < 2e-6 * model(x).abs().max()

    @torch.no_grad()
    def test_absolute_positions_do_not(self):
        torch.manual_seed(0)
        model = AzimuthTransformer(32, 16, heads=4, feedforward=64, layers=1, relative=False).eval()
        x = torch.randn(2, 32, 16)
        assert (model(x.roll(5, -1)) - model(x).roll(5, -1)).abs().max() > 0.1


def test_constant_coefficients_give_a_cosine_column():
    columns = CosineColumns(width=4, components=3, height=8).eval()
    with torch.no_grad():
        columns.conv2.weight.zero_()
        out = columns(torch.rand(1, 4, 6))
    assert torch.equal(out, torch.full((1, 1, 8, 6), 2.5))


def test_columns_start_within_a_metre_of_their_bias():
    """As released: coefficients of 0.1 around 2.5 m; torch's own start spreads them over 20 m."""
    torch.manual_seed(0)
    columns = CosineColumns(width=256, components=64, height=128)
    assert columns.conv2.weight.std().item() == pytest.approx(0.1 / 128**0.5, rel=0.02)
    depth = columns(torch.randn(4, 256, 32))
    assert 0.2 < depth.std() < 1
