import warnings

import pytest
import torch

import pano_models as pm
from pano_models.inputs import IMAGENET_MEAN, IMAGENET_STD, RgbInput, fit_to_patches


def test_normalisation_inverts_the_statistics():
    rgb = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1) + torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    torch.testing.assert_close(RgbInput()(rgb), torch.ones(1, 3, 1, 1))
    assert torch.equal(RgbInput(normalize=False)(rgb), rgb)


def test_statistics_are_no_weights():
    assert not RgbInput().state_dict()


@pytest.mark.parametrize("shape", [(3, 8, 16), (1, 4, 8, 16), (1, 1, 8, 16)])
def test_wrong_shape_says_what_to_do(shape):
    with pytest.raises(ValueError, match="drop an alpha channel"):
        RgbInput().check(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(0, 3, 8, 16), (1, 3, 0, 0)])
def test_nothing_is_refused(shape):
    with pytest.raises(ValueError, match="at least one panorama"):
        RgbInput().check(torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_brought_to_the_dtype_of_the_network(dtype):
    rgb = torch.rand(1, 3, 8, 16)
    assert RgbInput()(rgb.to(dtype)).dtype == torch.float32
    torch.testing.assert_close(RgbInput()(rgb.to(dtype)), RgbInput()(rgb), atol=0.05, rtol=0)
    assert RgbInput().double()(rgb).dtype == torch.float64


def test_integers_are_refused():
    with pytest.raises(ValueError, match="divide by 255"):
        RgbInput().check(torch.zeros(1, 3, 8, 16, dtype=torch.uint8))


@pytest.mark.parametrize(
    "views", [torch.zeros(3, 8, 8), torch.zeros(1, 4, 8, 8), torch.zeros(1, 3, 8, 8).byte()]
)
def test_views_of_another_form_are_refused(views):
    with pytest.raises(ValueError, match=r"expected floating \(n, 3, h, w\)"):
        RgbInput().check_views(views)


def test_views_of_any_aspect_are_brought_to_the_dtype_of_the_network():
    views = torch.rand(2, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert RgbInput().check_views(views) is views
        assert RgbInput().check_views(views.half()).dtype == torch.float32


def test_range_is_warned_about_once_a_model():
    rgb_input = RgbInput()
    with pytest.warns(UserWarning, match=r"RGB lies in \[0, 255\]"):
        rgb_input.check(torch.tensor([0.0, 255.0]).repeat(8).expand(1, 3, 8, 16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rgb_input.check(torch.full((1, 3, 8, 16), 255.0))


def test_aspect_is_warned_about():
    with pytest.warns(UserWarning, match="2:1, got 8x8"):
        RgbInput().check(torch.zeros(1, 3, 8, 8))


def test_nothing_is_said_about_a_good_panorama():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        RgbInput().check(torch.rand(1, 3, 8, 16))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((128, 256), (126, 252)),
        ((512, 1024), (518, 1036)),
        ((546, 1092), (546, 1092)),
        ((3, 6), (14, 28)),
    ],
)
def test_two_to_one_stays_two_to_one(size, expected):
    assert fit_to_patches(*size, 14) == expected


def test_area_limits():
    rows, cols = fit_to_patches(2048, 4096, 14, max_pixels=620_000)
    assert (rows, cols) == (546, 1092)
    assert fit_to_patches(64, 128, 14, min_pixels=580_000) == (532, 1064)
    assert fit_to_patches(512, 1024, 16, 1, 10**7) == (512, 1024)


@pytest.mark.parametrize("height", [97, 301, 512, 1000])
def test_max_pixels_is_a_bound_and_sides_are_multiples(height):
    rows, cols = fit_to_patches(height, 2 * height, 16, max_pixels=50_000, multiple=2)
    assert rows * cols <= 50_000
    assert rows % 32 == cols % 32 == 0


def test_crossed_limits():
    with pytest.raises(ValueError, match="min_pixels 9 exceeds max_pixels 8"):
        fit_to_patches(4, 8, 2, 9, 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["da2", "dap"])
@torch.no_grad()
def test_half_floats_through_a_network(name, dtype, request, stir):
    """Half input on float32 weights is as good as float; half weights run, and stay finite."""
    network = stir(pm.create(name, **request.getfixturevalue(f"tiny_{name}")))
    rgb = torch.rand(1, 3, 50, 100).to(dtype)
    (key, expected), *_ = network(rgb.float()).items()
    assert torch.equal(network(rgb)[key], expected)
    half = network.to(dtype)(rgb)[key]
    assert ((half - expected).abs() / expected).mean() < 0.1
