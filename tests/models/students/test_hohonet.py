import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_models as pm
from pano_models import HoHoNet, create
from pano_models.students.hohonet import (
    AzimuthTransformer,
    CosineColumns,
    RelativeAzimuth,
    azimuth_encoding,
    cosine_basis,
    upsample_azimuth,
)
from tests.models.conftest import with_statistics
from tests.parity import stand_in
from tests.parity.compare import largest_difference, recorded

SMALL = {
    "backbone": "resnet18",
    "width": 0.25,
    "height": 64,
    "horizon_channels": 64,
    "latent_channels": 32,
    "components": 16,
    "feedforward": 64,
}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestHoHoNet:
    def test_published_size(self):
        with torch.device("meta"):
            model = HoHoNet()
        assert sum(p.numel() for p in model.parameters()) == 49_466_433

    @pytest.mark.parametrize("equivariant", [False, True])
    def test_no_parameter_is_unused(self, rgb, equivariant):
        model = create("hohonet", equivariant=equivariant, **SMALL).train()
        model(rgb)["distance_metric"].square().mean().backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_other_sizes_are_resized(self, rgb):
        out = create("hohonet", head="affine", **SMALL).eval()(rgb[:, :, :50, :100])
        assert out["disparity_affine"].shape == (2, 1, 50, 100)

    @torch.no_grad()
    def test_equivariant_network_rolls(self, rgb):
        model = with_statistics(create("hohonet", equivariant=True, **SMALL))
        model.transformer.relative.coefficients.normal_(generator=torch.Generator().manual_seed(1))
        out = model(rgb)["distance_metric"]
        for columns in (32, 96):
            rolled = model(rgb.roll(columns, -1))["distance_metric"]
            assert (rolled - out.roll(columns, -1)).abs().max() < 2e-6 * out.abs().max()

    @torch.no_grad()
    def test_equivariant_pyramid_rolls_bit_for_bit(self, rgb):
        model = with_statistics(create("hohonet", equivariant=True, **SMALL))
        row = model.compress(model.encoder(rgb)[1:])
        rolled = model.compress(model.encoder(rgb.roll(32, -1))[1:])
        assert torch.equal(rolled, row.roll(8, -1))

    @torch.no_grad()
    def test_released_form_rolls_only_roughly(self, rgb):
        model = with_statistics(create("hohonet", **SMALL))
        out = model(rgb)["distance_metric"]
        assert (model(rgb.roll(32, -1))["distance_metric"] - out.roll(32, -1)).abs().max() > 1e-2

    def test_compiles_without_graph_breaks(self, rgb):
        model = create("hohonet", **{**SMALL, "backbone": "resnet10t"}).eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(rgb), model(rgb), atol=1e-5, rtol=1e-5)

    @pytest.mark.parametrize(
        ("options", "message"),
        [({"head": "relative"}, "head is 'relative'"), ({"height": 100}, "multiple of 32")],
    )
    def test_unusable_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            create("hohonet", **options)


FOLDER = Path(__file__).parents[2] / "parity" / "hohonet"


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


TOLERANCE = 3e-4
RELEASES = {"orig": "hohonet", "da": "hohonet_depth_anywhere"}


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


def checkpoint(height: int) -> dict[str, torch.Tensor]:
    shapes = json.loads((FOLDER / "keys.json").read_text())
    if height == 256:
        shapes |= json.loads((FOLDER / "keys_256_changed.json").read_text())
    return stand_in.state_dict(shapes)


@pytest.mark.parametrize("use", RELEASES)
@torch.no_grad()
def test_output(expected, use):
    model = pm.load_official(RELEASES[use], checkpoint(256))
    out = next(iter(model(stand_in.image(256, 512)).values()))
    assert largest_difference(out[0, 0, ::8, ::8], expected[f"pred_{use}_256x512_s8"]) < TOLERANCE


@pytest.fixture(scope="module")
def full_size() -> HoHoNet:
    return pm.load_official("hohonet_depth_anywhere", checkpoint(512))


@torch.no_grad()
def test_full_size_output_and_intermediates(full_size, expected):
    """4 s; the only size whose intermediates are stored."""
    modules = {
        **{f"layer{i + 1}": layer for i, layer in enumerate(full_size.encoder.layers)},
        **{f"ghc{i}": level for i, level in enumerate(full_size.compress.levels)},
        "fuse": full_size.compress,
        "transen": full_size.transformer,
        "latent": full_size.latent,
        "coef": full_size.columns.conv2,
    }
    with recorded(modules) as calls:
        out = full_size(stand_in.image(512, 1024))["disparity_affine"]
    assert largest_difference(out[0, 0, ::8, ::8], expected["pred_da_512x1024_s8"]) < TOLERANCE
    for name, (_, value) in calls.items():
        if name == "transen":  # stored sequence first
            value = value.permute(2, 0, 1)
        divisors = (1, 8, 4, 8) if value.ndim == 4 else (8, 8, 8)
        steps = [max(1, n // d) for n, d in zip(value.shape, divisors, strict=True)]
        sampled = value[tuple(slice(None, None, step) for step in steps)]
        assert largest_difference(sampled, expected[f"mid_{name}"]) < TOLERANCE, name


@pytest.mark.slow  # 5 s
@torch.no_grad()
def test_authors_use_at_full_size(expected):
    model = pm.load_official("hohonet", checkpoint(512))
    out = model(stand_in.image(512, 1024))["distance_metric"][0, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_orig_512x1024_s8"]) < TOLERANCE
