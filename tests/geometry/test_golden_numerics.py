"""Precision, gradients, dtypes, sizes, compilation (golden 29-34)."""

import math

import pytest
import torch
from torch.nn.functional import avg_pool2d

import pano_geometry as pg
from pano_geometry.cameras.cubemap import from_strip
from tests.geometry.fields import erp_rays, image_of_rays, pixel_error, turned

R = pg.from_ypr(0.7, 0.4, 0.3)


def test_golden_29_latitude_near_the_poles() -> None:
    camera = pg.Equirectangular(2048, 4096)
    exact = torch.linspace(math.pi / 2 - math.radians(1), math.pi / 2, 500, dtype=torch.float64)
    rays = pg.lonlat_to_rays(torch.full_like(exact, 0.3), exact)
    v = camera.project(rays.float())[:, 1].double()
    assert (v - (0.5 - exact / math.pi) * 2048).abs().max() < 1e-3


@pytest.mark.parametrize("ray", [(0, 1, 0), (0, -1, 0), (0, 0, -1), (0, 0, 1), (1, 0, 0)])
@pytest.mark.parametrize(
    "camera",
    [
        pg.Equirectangular(8, 16),
        pg.Cassini(16, 8),
        pg.Cylindrical(8, 16),
        pg.Cubemap(4),
        pg.Fisheye.from_fov(8, 8, math.pi),
        pg.Perspective.from_fov(8, 8, 1.0),
    ],
    ids=lambda c: type(c).__name__,
)
def test_golden_30_gradients_are_finite_everywhere(ray, camera) -> None:
    rays = torch.tensor(ray, dtype=torch.float64).requires_grad_()
    pixels = camera.project(rays)
    torch.where(torch.isnan(pixels), 0.0, pixels).sum().backward()
    assert torch.isfinite(rays.grad).all()


def test_golden_30_gradcheck_of_the_field_of_view() -> None:
    image = torch.rand(1, 1, 8, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    rotation = pg.from_ypr(3.0, 0.3, dtype=torch.float64)

    def view(fov, image):
        return pg.erp_to_perspective(image, pg.Perspective.from_fov(3, 5, fov), rotation)

    fov = torch.tensor(1.234, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(view, (fov, image.requires_grad_()))


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize(
    ("source", "target"),
    [
        (pg.Equirectangular(12, 24), pg.Cubemap(7)),
        (pg.Cubemap(6), pg.Equirectangular(10, 20)),
        (pg.Perspective.from_fov(9, 12, 1.4), pg.Equirectangular(12, 24)),
        (pg.Cassini(20, 10), pg.Fisheye.from_fov(9, 9, 3.0)),
    ],
    ids=["e2c", "c2e", "p2e", "cassini"],
)
def test_golden_30_adjoint(mode, source, target) -> None:
    g = torch.Generator().manual_seed(5)
    x = torch.rand(1, 1, *source.size, generator=g).double().requires_grad_()
    y = torch.rand(1, 1, *target.size, generator=g).double()
    image = pg.resample(x, source, target, R.double(), mode)
    (adjoint,) = torch.autograd.grad(image, x, y)
    left, right = (image * y).sum(), (x * adjoint).sum()
    assert float((left - right).detach().abs() / left.detach().abs()) < 1e-6
    assert adjoint.abs().max() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_golden_31_half_precision_keeps_coordinates(dtype) -> None:
    # A ramp that the dtype stores exactly: what is off is the coordinate.
    width = 1024
    ramp = (torch.arange(width) % 128).to(dtype).expand(1, 1, 64, width)
    camera = pg.Equirectangular(64, width)
    rotation = pg.from_ypr(2 * math.pi * 40.5 / width)
    got = pg.resample(ramp, camera, camera, rotation)
    full = pg.resample(ramp.float(), camera, camera, rotation)
    assert got.dtype == dtype
    assert torch.equal(got, full.to(dtype))


CALLS = {
    "e2c": lambda x, r: pg.erp_to_cube(x, 12, r),
    "c2e": lambda x, r: pg.cube_to_erp(from_strip(x[:, :, :24, :4].contiguous()), 16, 32, r),
    "e2p": lambda x, r: pg.erp_to_perspective(x, pg.Perspective.from_fov(9, 13, 1.3), r),
    "p2e": lambda x, r: pg.perspective_to_erp(x, pg.Perspective.from_fov(24, 48, 1.3), r, 16, 32)[
        0
    ],
    "rotate": lambda x, r: pg.rotate(x, r),
    "bicubic": lambda x, r: pg.rotate(x, r, "bicubic"),
    "nearest": lambda x, r: pg.rotate(x, r, "nearest"),
    "pad": lambda x, r: pg.pad(x, 2),
    "normals": lambda x, r: pg.distance_to_normals(x[:, :1] + 1),
    "points": lambda x, r: pg.distance_to_points(x[:, :1]),
}


@pytest.mark.parametrize("name", CALLS)
def test_golden_32_compiles_without_graph_breaks(name, generator) -> None:
    x = torch.rand(2, 3, 24, 48, generator=generator)
    rotation = pg.random_rotation(2, generator)
    call = CALLS[name]
    torch._dynamo.reset()
    compiled = torch.compile(call, backend="eager", fullgraph=True)
    eager, got = call(x, rotation), compiled(x, rotation)
    if name == "nearest":
        assert (eager != got).float().mean() < 1e-3  # ties in float32 coordinates
    else:
        assert (eager - got).abs().max() < 1e-5


def test_golden_32_forward_is_deterministic(generator) -> None:
    x = torch.rand(2, 3, 24, 48, generator=generator)
    rotation = pg.random_rotation(2, generator)
    for call in CALLS.values():
        first = call(x, rotation)
        assert all(torch.equal(first, call(x, rotation)) for _ in range(3))


@pytest.mark.parametrize("size", [(33, 67), (32, 96), (31, 64), (5, 9), (2, 3), (1, 1)])
def test_golden_33_odd_sizes(size, generator) -> None:
    rays = erp_rays(*size)
    rotation = pg.random_rotation(1, generator)[0]
    got = pg.resample(rays, pg.Equirectangular(*size), pg.Equirectangular(20, 40), rotation)
    # Bilinear interpolation of directions is exact to the square of the pixel; tiny maps are not.
    if size[0] > 30:
        error = pixel_error(got, turned(rotation, erp_rays(20, 40)), size[1])
        assert error.max() < 0.02
    assert torch.isfinite(got).all()
    constant = pg.resample(
        torch.ones(1, 1, *size), pg.Equirectangular(*size), pg.Cubemap(3), rotation
    )
    assert (constant - 1).abs().max() < 1e-6


@pytest.mark.parametrize("size", [1, 2, 3])
def test_golden_33_tiny_faces(size) -> None:
    faces = from_strip(image_of_rays(pg.Cubemap(size)))
    erp = pg.cube_to_erp(faces, 24, 48)
    along = (torch.nn.functional.normalize(erp, dim=1) * erp_rays(24, 48)).sum(1)
    assert along.min() > math.cos(math.radians((60, 30, 15)[size - 1]))
    assert (
        pg.cube_to_erp(torch.ones(1, 6, 1, size, size), 8, 16, mode="bicubic").sub(1).abs().max()
        < 1e-6
    )


def test_golden_33_indices_of_large_maps_do_not_overflow() -> None:
    # 2^31 elements would not fit in this test; an expanded image has the indices, not the memory.
    image = torch.rand(1, 1, 1, 1).expand(1, 260, 2048, 4096)
    assert image.numel() > 2**31
    view = pg.Perspective.from_fov(2, 2, 0.01)
    got = pg.resample(
        image, pg.Equirectangular(2048, 4096), view, pg.from_ypr(3.1, -1.5), "nearest"
    )
    assert torch.equal(got, image[..., :2, :2])


def test_golden_34_pooled_rays_are_the_rays_of_the_pooled_grid() -> None:
    pooled = avg_pool2d(erp_rays(64, 128, torch.float64), 2)
    error = pixel_error(pooled, erp_rays(32, 64, torch.float64), 64)
    assert error.max() < 0.03  # the mean of four directions within a pixel, at the pole row
    assert error[:, 4:-4].max() < 2e-3
