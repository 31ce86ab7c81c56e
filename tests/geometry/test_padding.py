import pytest
import torch

import pano_geometry as pg
from pano_geometry.cameras.cubemap import from_strip, plane_rays
from tests.geometry.fields import erp_rays, image_of_rays


@pytest.mark.parametrize("n", [1, 2, 5])
def test_padding_is_the_sphere_going_on(n: int) -> None:
    # Continuing longitude and latitude beyond the border gives the very directions of the padding.
    height, width = 12, 24
    lon = ((torch.arange(-n, width + n) + 0.5) / width - 0.5) * 2 * torch.pi
    lat = (0.5 - (torch.arange(-n, height + n) + 0.5) / height) * torch.pi
    expected = pg.lonlat_to_rays(lon.expand(height + 2 * n, -1), lat[:, None].expand(-1, len(lon)))
    got = pg.pad(erp_rays(height, width), n)
    assert torch.allclose(got[0].permute(1, 2, 0), expected, atol=1e-6)


def test_padding_of_odd_width_takes_the_mean_across_the_pole() -> None:
    erp = torch.arange(15.0).reshape(1, 1, 3, 5)
    top = pg.pad(erp, 1)[0, 0, 0, 1:-1]
    assert torch.equal(top, torch.tensor([2.5, 3.5, 2.0, 0.5, 1.5]))


def test_padding_keeps_dtype_and_passes_gradients() -> None:
    assert pg.pad(torch.ones(1, 1, 4, 8, dtype=torch.uint8), 2).dtype == torch.uint8
    erp = torch.rand(1, 1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pg.pad(x, 2), (erp,))


def test_padding_refuses() -> None:
    with pytest.raises(ValueError, match="n: got 5"):
        pg.pad(torch.ones(1, 1, 4, 8), 5)
    with pytest.raises(TypeError, match="odd width"):
        pg.pad(torch.ones(1, 1, 4, 7, dtype=torch.uint8), 1)


def padded_by_index(erp: torch.Tensor, n: int) -> torch.Tensor:
    """Look up every pixel of the result on its own."""
    height, width = erp.shape[-2:]
    row, col = torch.meshgrid(
        torch.arange(-n, height + n), torch.arange(-n, width + n), indexing="ij"
    )
    beyond = (row < 0) | (row >= height)
    col = (col + beyond * (width // 2)) % width
    row = torch.where(row < 0, -1 - row, torch.where(row >= height, 2 * height - 1 - row, row))
    return erp[..., row, col]


def panorama(layout: torch.memory_format) -> torch.Tensor:
    return torch.randn(2, 3, 8, 12, dtype=torch.float64).contiguous(memory_format=layout)


LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n", [0, 1, 2, 3, 6, 8])
def test_values_and_gradients_are_those_of_a_look_up(n: int, layout: torch.memory_format) -> None:
    erp, other = (panorama(layout).requires_grad_() for _ in range(2))
    other.data.copy_(erp.data)
    padded, expected = pg.pad(erp, n), padded_by_index(other, n)
    assert torch.equal(padded, expected)
    weights = torch.randn_like(expected)
    (padded * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(erp.grad, other.grad)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("sides", [(0, 1, 0, 1), (2, 0, 1, 3), (0, 0, 4, 0), (5, 1, 0, 0)])
def test_each_side_has_its_own_width(sides: tuple[int, ...], layout: torch.memory_format) -> None:
    erp, other = (panorama(layout).requires_grad_() for _ in range(2))
    other.data.copy_(erp.data)
    left, right, top, bottom = sides
    padded = pg.pad(erp, sides)
    expected = padded_by_index(other, 5)[..., 5 - top : 13 + bottom, 5 - left : 17 + right]
    assert torch.equal(padded, expected)
    assert torch.equal(torch.func.vmap(lambda x: pg.pad(x[None], sides)[0])(erp), expected)
    weights = torch.randn_like(expected)
    (padded * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(erp.grad, other.grad)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_memory_layout_stays(layout: torch.memory_format) -> None:
    erp = panorama(layout).requires_grad_()
    padded = pg.pad(erp, 1)
    assert padded.is_contiguous(memory_format=layout)
    (grad,) = torch.autograd.grad(padded.square().sum(), erp)
    assert grad.is_contiguous(memory_format=layout)


def test_second_derivatives_are_those_of_finite_differences() -> None:
    erp = torch.randn(1, 1, 4, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: pg.pad(x, 2).pow(3), erp)


def test_the_gradient_that_comes_in_stays() -> None:
    erp = panorama(torch.channels_last).requires_grad_()
    weights = torch.randn(2, 3, 10, 14, dtype=torch.float64)
    before = weights.clone()
    pg.pad(erp, 1).backward(weights)
    assert torch.equal(weights, before)


def test_transforms_and_exported_programs_pad_alike() -> None:
    class Padded(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return pg.pad(x, 1)

    erp = torch.randn(3, 1, 2, 4, 8)
    expected = torch.stack([pg.pad(one, 1) for one in erp])
    assert torch.equal(torch.func.vmap(lambda x: pg.pad(x, 1))(erp), expected)
    assert torch.equal(torch.export.export(Padded(), (erp[0],)).module()(erp[0]), expected[0])
    _, tangent = torch.func.jvp(lambda x: pg.pad(x, 1), (erp[0],), (erp[1],))
    assert torch.equal(tangent, expected[1])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_padding_continues_the_plane_of_each_face(n) -> None:
    size = 32
    faces = from_strip(image_of_rays(pg.Cubemap(size), torch.float64))
    padded = torch.nn.functional.normalize(pg.pad_cube(faces, n), dim=2)
    extended = torch.arange(-n, size + n, dtype=torch.float64) + 0.5
    expected = torch.nn.functional.normalize(torch.stack(plane_rays(extended, size), 1), dim=1)
    angle = pg.great_circle_angle(padded[0].movedim(1, -1), expected.movedim(1, -1))
    assert float(angle.max()) * size / (torch.pi / 2) < 0.02  # in pixels of a face
    assert torch.equal(pg.pad_cube(faces, n)[..., n:-n, n:-n], faces)


def test_padding_is_differentiable_and_keeps_constants(generator) -> None:
    faces = torch.rand(1, 6, 1, 4, 4, generator=generator).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: pg.pad_cube(x, 1), (faces,))
    assert torch.autograd.gradcheck(lambda x: pg.pad_cube(x, 2), (faces,))
    assert torch.allclose(pg.pad_cube(torch.ones(2, 6, 3, 5, 5), 2), torch.ones(()))


def test_padding_of_nothing_is_the_faces() -> None:
    faces = torch.rand(1, 6, 2, 4, 4)
    assert pg.pad_cube(faces, 0) is faces


def test_cube_padding_padding_refuses() -> None:
    with pytest.raises(pg.ShapeError, match="faces"):
        pg.pad_cube(torch.rand(1, 5, 1, 4, 4), 1)
    with pytest.raises(ValueError, match="n: got 5"):
        pg.pad_cube(torch.rand(1, 6, 1, 4, 4), 5)
    with pytest.raises(TypeError, match="uint8"):
        pg.pad_cube(torch.zeros(1, 6, 1, 4, 4, dtype=torch.uint8), 1)
