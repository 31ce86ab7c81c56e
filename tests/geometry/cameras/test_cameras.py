import math

import pytest
import torch

import pano_geometry as pg
from tests.geometry.fields import erp_rays

CAMERAS = [
    pg.Equirectangular(16, 32),
    pg.Equirectangular(7, 13),
    pg.Perspective.from_fov(12, 20, math.radians(90)),
    pg.Perspective.from_fov(12, 20, math.radians(60), math.radians(100)),
    pg.Fisheye.from_fov(20, 20, math.pi),
    pg.Fisheye.from_fov(20, 24, math.radians(220), (0.01, -0.002, 0.0, 0.0)),
    pg.Cylindrical(10, 40),
    pg.Cylindrical(10, 40, fov_x=1.5, fov_y=1.0),
    pg.Cassini(32, 16),
    pg.Cubemap(9),
]


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: type(c).__name__)
def test_project_of_rays_gives_pixel_centres(camera: pg.Camera) -> None:
    rays = camera.rays(dtype=torch.float64)
    pixels = camera.project(rays)
    v, u = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    has_ray = ~torch.isnan(rays[..., 0])
    assert has_ray.float().mean() > 0.6
    error = (pixels - torch.stack([u, v], -1))[has_ray].abs()
    assert error.max() < 1e-12
    assert torch.allclose(rays[has_ray].norm(dim=-1), torch.ones(int(has_ray.sum())).double())
    assert camera.visible(rays)[has_ray].all()


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: type(c).__name__)
def test_unproject_of_pixel_centres_gives_the_rays(camera: pg.Camera) -> None:
    v, u = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    pixels = torch.stack([u, v], -1).double()
    rays = camera.unproject(pixels)
    assert torch.allclose(rays, camera.rays(dtype=torch.float64), atol=1e-12, equal_nan=True)
    assert camera.unproject(pixels.float()).dtype == torch.float32
    assert torch.allclose(camera.unproject(pixels.float()), rays.float(), atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: type(c).__name__)
def test_unproject_inverts_project_between_centres(camera: pg.Camera, generator) -> None:
    scale = torch.tensor([camera.width, camera.height], dtype=torch.float64)
    pixels = torch.rand(300, 2, dtype=torch.float64, generator=generator) * scale
    pixels = pixels.requires_grad_()
    rays = camera.unproject(pixels)
    has_ray = ~torch.isnan(rays.detach()).any(-1)
    assert has_ray.float().mean() > 0.6
    assert (camera.project(rays.detach()) - pixels)[has_ray].abs().max() < 1e-9
    some = pixels.detach()[has_ray][:20].requires_grad_()
    assert torch.autograd.gradcheck(camera.unproject, some)


def test_unproject_where_there_is_no_ray() -> None:
    centre = torch.tensor([20.0, 20.0], dtype=torch.float64, requires_grad=True)
    fisheye = pg.Fisheye.from_fov(40, 40, math.pi)
    assert fisheye.unproject(centre).tolist() == [0.0, 0.0, 1.0]
    (gradient,) = torch.autograd.grad(fisheye.unproject(centre)[0], centre)
    assert torch.allclose(gradient, torch.tensor([1 / fisheye.focal, 0]).double())
    assert torch.isnan(fisheye.unproject(torch.tensor([0.5, 0.5]))).all()
    beside = torch.tensor([[4.0, -0.1], [4.0, 54.1], [9.1, 4.0]])
    assert torch.isnan(pg.Cubemap(9).unproject(beside)).all()
    erp = pg.Equirectangular(16, 32)
    beyond = erp.unproject(torch.tensor([[33.5, 4.5], [4.5, -1.5]]))
    assert torch.allclose(beyond, erp.rays()[[4, 1], [1, 20]], atol=1e-6)


def test_unproject_with_intrinsics_of_a_batch() -> None:
    fov = torch.tensor([0.8, 1.6], dtype=torch.float64)
    pixels = torch.rand(2, 5, 7, 2, dtype=torch.float64) * 10
    rays = pg.Perspective.from_fov(10, 14, fov).unproject(pixels)
    for one, some, f in zip(rays, pixels, fov.tolist(), strict=True):
        assert torch.allclose(one, pg.Perspective.from_fov(10, 14, f).unproject(some))


def test_unproject_refuses_bad_input() -> None:
    with pytest.raises(pg.ShapeError, match="pixels"):
        pg.Cubemap(4).unproject(torch.zeros(3))
    with pytest.raises(TypeError, match=r"0\.5"):
        pg.Cubemap(4).unproject(torch.zeros(3, 2, dtype=torch.long))


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda c: type(c).__name__)
def test_project_does_not_depend_on_the_length_of_a_ray(camera: pg.Camera) -> None:
    rays = torch.randn(200, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    one, far = camera.project(rays), camera.project(rays * 37.0)
    assert torch.equal(torch.isnan(one), torch.isnan(far))
    assert torch.allclose(one.nan_to_num(), far.nan_to_num(), atol=1e-9)


def test_equirectangular_axes() -> None:
    camera = pg.Equirectangular(64, 128)
    axes = torch.tensor([[0, 0, 1], [1, 0, 0], [-1, 0, 0], [0, -1, 0], [0, 1, 0]]).float()
    u, v = camera.project(axes).unbind(-1)
    assert torch.allclose(u[:3], torch.tensor([64.0, 96.0, 32.0]))
    assert torch.allclose(v, torch.tensor([32.0, 32.0, 32.0, 0.0, 64.0]))


def test_perspective_corner_rays_equal_inverse_intrinsics() -> None:
    camera = pg.Perspective.from_fov(33, 65, math.radians(90))
    inverse = torch.linalg.inv(camera.intrinsics.double())
    corners = torch.tensor([[0.5, 0.5, 1], [64.5, 0.5, 1], [0.5, 32.5, 1]]).double()
    expected = torch.nn.functional.normalize(corners @ inverse.T, dim=-1)
    rays = camera.rays(dtype=torch.float64)
    got = torch.stack([rays[0, 0], rays[0, -1], rays[-1, 0]])
    assert torch.allclose(got, expected, atol=1e-6)
    assert torch.allclose(rays[16, 32], torch.tensor([0.0, 0.0, 1.0]).double())


def test_perspective_square_pixels_and_field_of_view() -> None:
    camera = pg.Perspective.from_fov(480, 640, math.radians(90))
    assert camera.fx == pytest.approx(320.0)
    assert camera.fy == camera.fx
    fov_y = 2 * math.atan(0.5 * 480 / camera.fy)
    assert math.degrees(fov_y) == pytest.approx(73.7398, abs=1e-3)


def test_perspective_behind_has_no_pixel() -> None:
    camera = pg.Perspective.from_fov(8, 8, 1.0)
    behind = torch.tensor([[0.0, 0.0, -1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.isnan(camera.project(behind)).all()
    assert not camera.visible(behind).any()


def test_perspective_batch_of_fields_of_view() -> None:
    fov = torch.tensor([0.8, 1.6], dtype=torch.float64)
    rays = pg.Perspective.from_fov(10, 14, fov).rays(dtype=torch.float64)
    for one, f in zip(rays, fov.tolist(), strict=True):
        assert torch.allclose(one, pg.Perspective.from_fov(10, 14, f).rays(dtype=torch.float64))


def test_fisheye_right_angle_lands_at_focal_half_pi() -> None:
    camera = pg.Fisheye(400, 400, focal=100.0)
    pixel = camera.project(torch.tensor([1.0, 0.0, 0.0]).double())
    assert pixel[0].item() == pytest.approx(200 + 100 * math.pi / 2, abs=1e-9)
    assert pixel[1].item() == pytest.approx(200, abs=1e-9)


def test_fisheye_axis_and_rear() -> None:
    camera = pg.Fisheye(40, 40, focal=10.0)
    assert torch.allclose(camera.project(torch.tensor([0.0, 0.0, 2.0])), torch.full((2,), 20.0))
    assert torch.isnan(camera.project(torch.tensor([0.0, 0.0, -1.0]))).all()


def test_cassini_is_the_panorama_on_its_side() -> None:
    # Exchanging x and y of rays exchanges the axes of the image.
    cassini = pg.Cassini(32, 16).rays(dtype=torch.float64)
    erp = erp_rays(16, 32, torch.float64)[0]
    assert torch.allclose(cassini[..., [1, 0, 2]].permute(2, 1, 0), erp, atol=1e-12)


def test_cylinder_keeps_verticals_straight() -> None:
    camera = pg.Cylindrical(20, 60)
    y = torch.linspace(-0.5, 0.5, 11).double()
    wall = torch.stack([torch.full_like(y, 0.7), y, torch.full_like(y, 1.3)], -1)
    u = camera.project(wall)[..., 0]
    assert torch.allclose(u, u[:1].expand_as(u), atol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "name"),
    [
        (lambda: pg.Perspective.from_fov(8, 8, math.pi), ValueError, "fov_x"),
        (lambda: pg.Perspective.from_fov(8, 8, 90.0), ValueError, "degrees"),
        (lambda: pg.Perspective.from_fov(8, 8, -1.0), ValueError, "fov_x"),
        (lambda: pg.Perspective(8, 8, float("nan"), 1.0, 4.0, 4.0), ValueError, "fx"),
        (lambda: pg.Equirectangular(0, 8), ValueError, "height"),
        (lambda: pg.Equirectangular(8, 8.5), TypeError, "width"),
        (lambda: pg.Cylindrical(8, 8, fov_x=7.0), ValueError, "fov_x"),
        (lambda: pg.Cubemap(0), ValueError, "face_size"),
        (lambda: pg.Fisheye(8, 8, focal=-1.0), ValueError, "focal"),
        (lambda: pg.Fisheye(8, 8, 1.0, coefficients=(-1.0, 0, 0, 0)), ValueError, "shrinks"),
        (lambda: pg.Equirectangular(4, 8).project(torch.zeros(3, 2)), pg.ShapeError, "rays"),
    ],
)
def test_cameras_refuse_bad_input(make, error, name) -> None:
    with pytest.raises(error, match=name):
        make()


@pytest.mark.parametrize("angle", [math.pi, 90.0, -1.0, float("nan")])
def test_fields_of_view_of_a_batch_are_checked(angle) -> None:
    with pytest.raises(ValueError, match="fov_x"):
        pg.Perspective.from_fov(8, 8, torch.tensor([1.0, angle]))


def test_intrinsics_that_need_gradients_are_checked() -> None:
    skewed = torch.tensor([[9.0, 1.0, 4.0], [0.0, 9.0, 4.0], [0.0, 0.0, 1.0]], requires_grad=True)
    with pytest.raises(ValueError, match="skew"):
        pg.Perspective.from_intrinsics(8, 8, skewed)
    with pytest.raises(ValueError, match="fx"):
        pg.Perspective(8, 8, torch.tensor([3.0, -1.0]), 3.0, 4.0, 4.0)


def test_coefficients_may_come_as_a_list() -> None:
    listed = pg.Fisheye(8, 8, 3.0, coefficients=[0.01, 0, 0, 0])
    assert listed == pg.Fisheye(8, 8, 3.0, coefficients=(0.01, 0.0, 0.0, 0.0))
    assert pg.resample(torch.ones(1, 1, 8, 8), listed, pg.Equirectangular(4, 8)).max() == 1


@pytest.mark.parametrize("width", [13, 22, 33, 54])
def test_a_full_cylinder_has_every_longitude(width) -> None:
    # In float32, pi rounds up: its pixel may lie beyond the border.
    camera = pg.Cylindrical(8, width)
    assert camera.visible(torch.tensor([[0.0, 0.0, -1.0], [-0.0, 0.0, -1.0]])).all()
