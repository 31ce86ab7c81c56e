import numpy as np
import pytest
import torch

import pano_geometry as pg

SIZES = [(32, 64), (24, 48), (48, 96), (64, 128), (100, 200), (33, 71)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_a_turn_of_the_panorama_turns_the_result(size, mode, generator):
    """Whole columns in, whole columns out: as if there were no seam."""
    x = torch.rand(2, 3, 48, 96, generator=generator)
    if size[1] % 8 == 0:
        columns = 96 // 8
        a = pg.resize(x.roll(columns, -1), size, mode)
        b = pg.resize(x, size, mode).roll(size[1] // 8, -1)
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
    assert pg.resize(x, size, mode).shape == (2, 3, *size)


def test_a_resize_that_does_not_wrap_has_a_seam(generator):
    x = torch.rand(1, 1, 48, 96, generator=generator)
    a = pg.resize(x.roll(12, -1), (64, 128), wrap=False)
    assert not torch.allclose(a, pg.resize(x, (64, 128), wrap=False).roll(16, -1), atol=1e-2)


@pytest.mark.parametrize("size", SIZES)
def test_a_constant_stays(size):
    x = torch.full((1, 2, 48, 96), 0.7)
    torch.testing.assert_close(pg.resize(x, size), torch.full((1, 2, *size), 0.7))


@pytest.mark.parametrize("size", [(64, 128), (96, 192), (32, 64), (16, 32)])
def test_a_smooth_field_is_met_at_the_pixel_centres(size):
    """sin(lon) cos(lat), whose value at every pixel centre is known: the half pixel is right."""

    def field(height, width):
        rays = pg.Equirectangular(height, width).rays()
        return (rays[..., 0] - 0.5 * rays[..., 1])[None, None].float()

    error = (pg.resize(field(64, 128), size) - field(*size)).abs()
    pixel = torch.pi / min(size[0], 64)
    assert (
        error[..., 1:-1, :].max() < pixel**2
    )  # smoothing is of second order, a half pixel of first


@pytest.mark.parametrize("size", [(16, 32), (64, 128), (96, 100)])
def test_arrays_give_what_tensors_give(size, generator):
    x = torch.rand(3, 48, 96, generator=generator)
    array = x.permute(1, 2, 0).contiguous().numpy()
    out = pg.resize(array, size)
    assert isinstance(out, np.ndarray)
    assert out.dtype == np.float32
    assert out.flags["C_CONTIGUOUS"]
    torch.testing.assert_close(torch.from_numpy(out), pg.resize(x, size).permute(1, 2, 0))
    torch.testing.assert_close(
        torch.from_numpy(pg.resize(array[..., 0].copy(), size)), pg.resize(x[0], size)
    )


@pytest.mark.parametrize("size", [(16, 32), (20, 40), (96, 192)])
def test_eight_bits_are_rounded(size, generator):
    x = torch.randint(0, 256, (48, 96, 3), generator=generator, dtype=torch.uint8)
    exact = pg.resize(x.permute(2, 0, 1).float(), size).permute(1, 2, 0)
    out = pg.resize(x.numpy(), size)
    assert out.dtype == np.uint8
    assert (torch.from_numpy(out).float() - exact).abs().max() <= 1.0  # fixed-point weights


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
def test_mirrored_and_read_only_arrays(mode, generator):
    array = torch.rand(8, 16, 3, generator=generator).numpy()
    for view in (array[:, ::-1], array[..., ::-1], np.broadcast_to(array[:1], array.shape)):
        assert np.array_equal(pg.resize(view, (4, 8), mode), pg.resize(view.copy(), (4, 8), mode))


def test_shrinking_averages_instead_of_skipping():
    stripes = torch.tensor([0.0, 1.0]).repeat(48).expand(1, 1, 48, 96)
    assert (pg.resize(stripes, (12, 24)) - 0.5).abs().max() < 0.02
    assert (pg.resize(stripes, (12, 24), antialias=False) - 0.5).abs().max() < 0.51


@pytest.mark.parametrize(("old", "new"), [(4, 8), (8, 4), (6, 4), (5, 7), (96, 36)])
def test_nearest_takes_the_pixel_whose_centre_is_nearest(old, new):
    row = torch.arange(old).expand(1, 1, 2, old)
    expected = [
        min(range(old), key=lambda i: abs((2 * i + 1) / old - (2 * j + 1) / new))
        for j in range(new)
    ]
    found = pg.resize(row, (2, new), "nearest")[0, 0, 0].tolist()
    ties = [(2 * j + 1) * old % (2 * new) == 0 for j in range(new)]  # a centre on a border
    assert all(f == e or t for f, e, t in zip(found, expected, ties, strict=True))


@pytest.mark.parametrize(("old", "new"), [(2, 49), (8, 98), (6, 147), (4, 2), (512, 128), (3, 1)])
def test_nearest_takes_the_pixel_behind_the_border_that_a_centre_lies_on(old, new):
    """With the rounded ratio `old / new`, the first three would take another one."""
    expected = [(2 * j + 1) * old // (2 * new) for j in range(new)]
    row = np.arange(old, dtype=np.float32)[None].repeat(2, 0)
    assert pg.resize(row, (2, new), "nearest")[0].tolist() == expected


def test_nearest_mixes_nothing():
    x = torch.tensor([[1.0, float("nan")], [float("inf"), -2.0]])
    out = pg.resize(x, (4, 4), "nearest")
    assert torch.equal(out.isnan(), x.isnan().repeat_interleave(2, 0).repeat_interleave(2, 1))
    assert out[2:, :2].isinf().all()
    mask = np.array([[True, False], [False, True]])
    rows = [[True] * 2 + [False] * 2, [False] * 2 + [True] * 2]
    assert pg.resize(mask, (2, 4), "nearest").tolist() == rows


def test_same_size_is_the_same_object(generator):
    x = torch.rand(1, 3, 8, 16, generator=generator)
    assert pg.resize(x, (8, 16)) is x
    array = x[0, 0].numpy()
    assert pg.resize(array, (8, 16)) is array


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_floats_keep_their_type(dtype, generator):
    x = torch.rand(1, 1, 8, 16, generator=generator)
    out = pg.resize(x.to(dtype), (4, 8))
    assert out.dtype == dtype
    torch.testing.assert_close(out.float(), pg.resize(x, (4, 8)), atol=2e-2, rtol=0)


def test_gradient():
    x = torch.rand(1, 1, 4, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: pg.resize(v, (3, 6)), x)
    assert torch.autograd.gradcheck(lambda v: pg.resize(v, (6, 12)), x)


@pytest.mark.parametrize(
    ("image", "size", "options", "error", "message"),
    [
        ([[1.0]], (2, 4), {}, TypeError, "got list, expected a tensor or a NumPy array"),
        (torch.zeros(4), (2, 4), {}, pg.ShapeError, r"got shape \(4,\)"),
        (torch.zeros(0, 3, 4, 8), (2, 4), {}, pg.ShapeError, "empty dimension"),
        (np.zeros((1, 2, 3, 4)), (2, 4), {}, pg.ShapeError, r"expected an array \(h, w\)"),
        (torch.zeros(4, 8, dtype=torch.int64), (2, 4), {}, TypeError, "mode='nearest'"),
        (torch.zeros(4, 8), (2, 4), {"mode": "area"}, ValueError, "got 'area'"),
        (torch.zeros(4, 8), (2,), {}, ValueError, r"expected \(height, width\)"),
        (torch.zeros(4, 8), (0, 4), {}, ValueError, "height"),
    ],
)
def test_errors_say_what_was_got(image, size, options, error, message):
    with pytest.raises(error, match=message):
        pg.resize(image, size, **options)
