"""What every student offers: range masks, bfloat16 encoders, saved options."""

import pytest
import torch

from pano_models import create, load, save
from pano_models.heads.range_mask import attach_range_mask
from pano_models.students.student import run_at_height, run_at_stride
from tests.models.conftest import with_statistics

STUDENTS = {
    "unifuse": {"width": 0.125, "backbone": "resnet10t"},
    "bifuse_plus": {"width": 0.125, "backbone": "resnet10t"},
    "hohonet": {
        "width": 0.125,
        "backbone": "resnet10t",
        "height": 64,
        "horizon_channels": 32,
        "latent_channels": 16,
        "components": 8,
        "feedforward": 32,
    },
    "egformer": {"embed_dim": 16},
}


@pytest.mark.parametrize("name", STUDENTS)
def test_masks_come_beside_an_unchanged_prediction(name):
    base = create(name, **STUDENTS[name]).eval()
    rgb = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        alone = base(rgb)["distance_metric"]
        out = attach_range_mask(base, thresholds=(10.0, 100.0)).eval()(rgb)
    assert torch.equal(out["distance_metric"], alone)
    assert out["far_probability"].shape == out["far_probability_10m"].shape == (1, 1, 64, 128)


@pytest.mark.parametrize("name", STUDENTS)
def test_bfloat16_encoder_moves_the_prediction_a_little(name):
    rgb = torch.rand(1, 3, 64, 128, generator=torch.Generator().manual_seed(0))
    full = with_statistics(create(name, **STUDENTS[name]))
    half = create(name, **STUDENTS[name], precision="bfloat16").eval()
    half.load_state_dict(full.state_dict())
    expected, out = (model(rgb)["distance_metric"] for model in (full, half))
    assert out.dtype == torch.float32
    change = (out - expected).abs().mean() / expected.abs().mean()
    assert 0 < change < 2e-2


@pytest.mark.parametrize("name", STUDENTS)
def test_mixed_precision_training_step(name):
    model = create(name, **STUDENTS[name]).train()
    with torch.autocast("cpu", torch.bfloat16):
        out = model(torch.rand(2, 3, 64, 128))["distance_metric"]
    out.float().mean().backward()
    gradients = [p.grad for p in model.parameters() if p.requires_grad]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("name", STUDENTS)
def test_folder_round_trip(name, tmp_path):
    model = create(name, head="affine", **STUDENTS[name]).eval()
    rgb = torch.rand(1, 3, 64, 128)
    save(model, tmp_path)
    with torch.no_grad():
        expected = model(rgb)["disparity_affine"]
        assert torch.equal(load(tmp_path)(rgb)["disparity_affine"], expected)


@pytest.mark.parametrize("name", STUDENTS)
@torch.no_grad()
def test_double_input_is_as_good_as_float(name):
    model = create(name, **STUDENTS[name]).eval()
    rgb = torch.rand(1, 3, 64, 128)
    expected, out = (model(x)["distance_metric"] for x in (rgb, rgb.double()))
    torch.testing.assert_close(out.float(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", STUDENTS)
@torch.no_grad()
def test_half_input_of_another_size(name, dtype):
    """The CPU does not resize half floats: they are brought to the network's dtype first."""
    model = create(name, **STUDENTS[name]).eval()
    rgb = torch.rand(1, 3, 50, 100).to(dtype)
    assert torch.equal(model(rgb)[model.key], model(rgb.float())[model.key])


@pytest.mark.parametrize("name", STUDENTS)
@pytest.mark.parametrize(
    ("rgb", "message"),
    [
        (torch.rand(1, 4, 64, 128), "alpha"),
        (torch.rand(3, 64, 128), r"expected RGB of shape \(b, 3, h, w\)"),
        (torch.zeros(1, 3, 64, 128).byte(), "divide by 255"),
    ],
    ids=["four channels", "no batch", "bytes"],
)
def test_wrong_input(name, rgb, message):
    with pytest.raises(ValueError, match=message):
        create(name, **STUDENTS[name])(rgb)


def test_unknown_precision():
    with pytest.raises(ValueError, match="precision is 'float16'"):
        create("unifuse", precision="float16")


def test_released_form_knows_the_size_it_was_trained_at():
    bounded = {**STUDENTS["unifuse"], "max_height": 64}
    assert create("unifuse", faithful=True, **bounded).native_size == (64, 128)
    assert create("unifuse", **bounded).native_size is None
    masked = attach_range_mask(create("unifuse", faithful=True, **bounded))
    assert masked.native_size == (64, 128)


class Recorder:
    """Returns its input's first channel and remembers the size."""

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.size = tuple(x.shape[-2:])
        return x[:, :1]


def test_fitting_size_is_untouched():
    rgb, network = torch.rand(1, 3, 64, 128), Recorder()
    assert torch.equal(run_at_stride(network, rgb, 32), rgb[:, :1])
    assert network.size == (64, 128)


def test_nearest_panorama_and_back():
    network = Recorder()
    out = run_at_stride(network, torch.full((1, 3, 100, 150), 0.5), 32)
    assert network.size == (96, 192)
    torch.testing.assert_close(out, torch.full((1, 1, 100, 150), 0.5))


def test_at_least_two_strides():
    network = Recorder()
    run_at_stride(network, torch.rand(1, 3, 10, 20), 32)
    assert network.size == (64, 128)


def test_given_height():
    network = Recorder()
    assert run_at_height(network, torch.rand(1, 3, 64, 128), 32).shape == (1, 1, 64, 128)
    assert network.size == (32, 64)


def test_largest_height():
    network = Recorder()
    out = run_at_stride(network, torch.rand(1, 3, 200, 400), 32, max_height=140)
    assert network.size == (128, 256)
    assert out.shape == (1, 1, 200, 400)


@pytest.mark.parametrize("name", STUDENTS)
@torch.no_grad()
def test_affine_heads_start_in_a_room(name):
    torch.manual_seed(4)
    model = create(name, head="affine", **STUDENTS[name])
    disparity = model(torch.rand(2, 3, 64, 128))["disparity_affine"]
    assert disparity.mean().item() == pytest.approx(0.5, abs=0.3)
