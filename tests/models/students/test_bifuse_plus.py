import re
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_geometry as pg
import pano_models as pm
from pano_models import BiFusePlus, create
from pano_models.students.bifuse_plus import (
    exact_cube,
    exact_panorama,
    projections,
    released_cube,
    released_panorama,
)
from tests.models.conftest import with_statistics
from tests.parity import stand_in
from tests.parity.compare import largest_difference, recorded

SMALL = {"backbone": "resnet18", "width": 0.25}


@pytest.fixture(scope="module")
def rgb() -> torch.Tensor:
    return torch.rand(2, 3, 64, 128, generator=torch.Generator().manual_seed(3))


class TestBiFusePlus:
    def test_published_size(self):
        with torch.device("meta"):
            model = BiFusePlus()
        assert sum(p.numel() for p in model.parameters()) == 52_487_905

    @pytest.mark.parametrize(
        ("head", "key"),
        [
            ("metric", "distance_metric"),
            ("affine", "disparity_affine"),
            ("self_supervised", "distance_metric"),
        ],
    )
    def test_heads(self, rgb, head, key):
        out = create("bifuse_plus", head=head, **SMALL).eval()(rgb)
        assert list(out) == [key]
        assert out[key].shape == (2, 1, 64, 128)

    def test_self_supervised_distance_is_between_its_limits(self, rgb):
        out = create("bifuse_plus", head="self_supervised", **SMALL).eval()(rgb)
        assert 1 / 10.01 <= out["distance_metric"].min() <= out["distance_metric"].max() <= 100

    @pytest.mark.parametrize("form", [{}, {"faithful": True}, {"equivariant": True}], ids=str)
    def test_no_trainable_parameter_is_unused(self, rgb, form):
        model = create("bifuse_plus", **form, **SMALL).train()
        model(rgb)["distance_metric"].square().mean().backward()
        trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
        assert [n for n, p in trained if p.grad is None] == []
        frozen = {n.rsplit(".", 2)[0] for n, p in model.named_parameters() if not p.requires_grad}
        assert frozen == {f"pyramid.fusion.3.conv_{side}_cat" for side in ("equi", "cube")}

    @torch.no_grad()
    def test_equivariant_network_rolls_bit_for_bit(self, rgb):
        model = with_statistics(create("bifuse_plus", equivariant=True, **SMALL))
        out = model(rgb)["distance_metric"]
        for columns in (32, 96):
            rolled = model(rgb.roll(columns, -1))["distance_metric"]
            assert torch.equal(rolled, out.roll(columns, -1))

    @torch.no_grad()
    def test_released_form_does_not_roll(self, rgb):
        model = with_statistics(create("bifuse_plus", faithful=True, **SMALL))
        out = model(rgb)["distance_metric"]
        assert (model(rgb.roll(32, -1))["distance_metric"] - out.roll(32, -1)).abs().max() > 1e-2

    @pytest.mark.parametrize(
        "form",
        [{"faithful": True}, pytest.param({}, marks=pytest.mark.slow)],  # 20 s: the exact cube
        ids=str,
    )
    def test_compiles_without_graph_breaks(self, rgb, form):
        model = create("bifuse_plus", backbone="resnet10t", width=0.125, **form).eval()
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        torch.testing.assert_close(compiled(rgb), model(rgb))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"head": "relative"}, "head is 'relative'"),
            ({"faithful": True, "equivariant": True}, "exclude"),
        ],
    )
    def test_unusable_options(self, options, message):
        with pytest.raises(ValueError, match=message):
            create("bifuse_plus", **options)

    @pytest.mark.parametrize("form", [{}, {"faithful": True}, {"equivariant": True}], ids=str)
    @pytest.mark.parametrize("height", [10, 64, 96, 100])
    @torch.no_grad()
    def test_any_size(self, form, height):
        """At 96 rows faces of 48 do not fit a stride of 32, and their map is no 3 rows high."""
        model = create("bifuse_plus", backbone="resnet10t", width=0.125, **form).eval()
        out = model(torch.rand(1, 3, height, 2 * height))["distance_metric"]
        assert out.shape == (1, 1, height, 2 * height)
        assert out.isfinite().all()


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


FOLDER = Path(__file__).parents[2] / "parity" / "bifusepp"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def model() -> BiFusePlus:
    return pm.load_official("bifuse_plus", stand_in.state_dict(FOLDER / "keys.json"))


@torch.no_grad()
def test_output(model, expected):
    out = model(stand_in.image(256, 512))["distance_metric"]
    assert largest_difference(out[0, 0, ::4, ::4], expected["pred_256x512_s4"]) < TOLERANCE


@torch.no_grad()
def test_batch(model, expected):
    rgb = torch.cat([stand_in.image(256, 512), stand_in.image(256, 512, "image2")])
    out = model(rgb)["distance_metric"][:, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_b2_256x512_s8"]) < TOLERANCE


@pytest.mark.parametrize(
    ("head", "name"), [("metric", "raw01"), ("self_supervised", "raw01_selfsup")]
)
@torch.no_grad()
def test_inference_script_forgets_the_normalisation(model, expected, head, name):
    slip = pm.create("bifuse_plus", faithful=True, normalize=False, head=head).eval()
    slip.load_state_dict(model.state_dict())
    out = slip(stand_in.image(256, 512))["distance_metric"][0, 0, ::8, ::8]
    # 1 / (10 sigmoid(x) + 0.01) has slopes up to 2.5 in x over these values
    assert largest_difference(out, expected[f"{name}_256x512_s8"]) < TOLERANCE


@torch.no_grad()
def test_intermediates(model, expected):
    """Every stored activation; f4's exchange, which feeds nobody, is computed to compare."""
    fusions = {f"f{i + 1}": model.pyramid.fusion[i] for i in range(4)}
    decoder = {f"deconv{i}": getattr(model.decoder, f"deconv{i}") for i in (2, 3, 4)}
    with recorded({**fusions, **decoder, "deconv1_2": model.decoder.out}) as calls:
        model(stand_in.image(256, 512))
    values = {name: output for name, (_, output) in calls.items()}
    for name, fusion in fusions.items():
        values[f"{name}_fusion"] = values[name]
        values[f"{name}_equi"], projected = fusion.exchange(*calls[name][0])
        values[f"{name}_cube"] = model.pyramid.to_cube(projected)
    checked = 0
    for name, reference in expected.items():
        if match := re.fullmatch(r"mid_256_(\w+)_c(\d+)_s(\d+)", name):
            c, s = int(match[2]), int(match[3])
            actual = values[match[1]][:, ::c, ::s, ::s]
            assert largest_difference(actual, reference) < TOLERANCE, name
            checked += 1
    assert checked == 16


@pytest.mark.slow  # 5 s
@torch.no_grad()
def test_output_at_full_size(model, expected):
    out = model(stand_in.image(512, 1024))["distance_metric"][0, 0, ::8, ::8]
    assert largest_difference(out, expected["pred_512x1024_s8"]) < TOLERANCE
