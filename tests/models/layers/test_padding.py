import pytest
import torch

from pano_geometry.padding import pad
from pano_models.layers.padding import SphereConv2d, conv2d, resize


@pytest.mark.parametrize(("kernel", "stride", "shift"), [(3, 1, 5), (3, 2, 4), (5, 1, 1)])
def test_sphere_convolution_turns_bit_equally(kernel, stride, shift):
    conv = SphereConv2d(3, 4, kernel, stride)
    x = torch.rand(1, 3, 8, 16)
    out = conv(x)
    assert out.shape == (1, 4, 8 // stride, 16 // stride)
    assert torch.equal(conv(x.roll(shift, -1)), out.roll(shift // stride, -1))


def test_sphere_convolution_continues_over_the_pole():
    """A row above the panorama is the first row, half a turn away."""
    conv = SphereConv2d(1, 1, 3, bias=False)
    with torch.no_grad():
        conv.weight.zero_()[0, 0, 0, 1] = 1  # the pixel above
    x = torch.arange(32.0).view(1, 1, 4, 8)
    out = conv(x)
    assert torch.equal(out[0, 0, 0], x[0, 0, 0].roll(4))
    assert torch.equal(out[0, 0, 1:], x[0, 0, :-1])


def test_even_kernels_have_no_centre():
    with pytest.raises(ValueError, match="odd size, got 4"):
        SphereConv2d(1, 1, 4)


@pytest.mark.parametrize("padding", ["zeros", "reflect", "sphere"])
def test_paddings_agree_inside(padding):
    torch.manual_seed(0)
    reference = torch.nn.Conv2d(2, 3, 3)
    conv = conv2d(2, 3, padding=padding)
    conv.load_state_dict(reference.state_dict())
    x = torch.rand(1, 2, 8, 16)
    torch.testing.assert_close(conv(x)[..., 1:-1, 1:-1], reference(x))


def test_resize_keeps_what_fits():
    x = torch.rand(1, 1, 4, 8)
    assert resize(x, (4, 8)) is x


@pytest.mark.parametrize(
    ("size", "new", "shift"), [((4, 8), (8, 16), 3), ((8, 16), (14, 28), 4), ((12, 24), (6, 12), 2)]
)
@pytest.mark.parametrize("antialias", [False, True])
def test_wrapped_resize_turns(size, new, shift, antialias):
    x = torch.rand(1, 2, *size)
    out = resize(x, new, wrap=True, antialias=antialias)
    turned = resize(x.roll(shift, -1), new, wrap=True, antialias=antialias)
    torch.testing.assert_close(turned, out.roll(shift * new[1] // size[1], -1))


def test_wrapped_resize_is_the_plain_one_away_from_the_seam():
    x = torch.rand(1, 1, 8, 16)
    plain, wrapped = resize(x, (16, 32)), resize(x, (16, 32), wrap=True)
    torch.testing.assert_close(plain[..., 2:-2], wrapped[..., 2:-2])
    assert not torch.allclose(plain[..., 0], wrapped[..., 0])


def test_wrapped_resize_joins_the_seam_like_a_wide_panorama():
    """Against resizing three copies side by side."""
    x = torch.rand(1, 1, 6, 10)
    wide = resize(torch.cat([x, x, x], -1), (9, 45))[..., 15:30]
    torch.testing.assert_close(resize(x, (9, 15), wrap=True), wide)


def test_wrap_excludes_aligned_corners():
    with pytest.raises(ValueError, match="align_corners=False"):
        resize(torch.rand(1, 1, 4, 8), (8, 16), wrap=True, align_corners=True)


def test_padding_is_that_of_the_geometry_package():
    x = torch.rand(1, 1, 4, 8)
    conv = SphereConv2d(1, 1, 3)
    expected = torch.nn.functional.conv2d(pad(x, 1), conv.weight, conv.bias)
    assert torch.equal(conv(x), expected)
