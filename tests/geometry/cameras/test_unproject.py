"""Camera models against independent formulas, OpenCV's, and each other."""

import math

import pytest
import torch

import pano_geometry as pg
from tests.geometry.cameras.test_cameras import CAMERAS

KB = (0.02, -0.006, 0.001, -0.0002)
NAN = float("nan")
BROWN = (-0.12, 0.03, 0.001, -0.002)
NEW = [
    pg.Stereographic.from_fov(20, 24, math.radians(300)),
    pg.Stereographic(16, 16, 5.0, 7.0, 9.0),
    pg.Mei(20, 24, 14.0, 13.0, 12.3, 9.8, 0.9, BROWN, math.radians(150)),
    pg.Mei(20, 20, 30.0, 30.0, 10.0, 10.0, 1.4, (0.0, 0.0, 0.0, 0.0), math.radians(180)),
    pg.CroppedEquirectangular(10, 12, 32, 64, 5, 40),
    pg.CroppedEquirectangular(10, 30, 32, 64, 5, 50),
    pg.CroppedEquirectangular(10, 64, 32, 64, 5, 0),
    pg.Fisheye(20, 24, 7.0, 11.0, 9.0, KB, math.radians(200), 6.5),
]


@pytest.mark.parametrize("camera", NEW, ids=lambda c: type(c).__name__)
def test_project_of_rays_gives_pixel_centres(camera: pg.Camera) -> None:
    rays = camera.rays(dtype=torch.float64)
    v, u = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    seen = ~torch.isnan(rays[..., 0])
    assert seen.float().mean() > 0.5
    error = (camera.project(rays) - torch.stack([u, v], -1))[seen].abs()
    assert error.max() < 1e-10
    assert camera.visible(rays)[seen].all()


@pytest.mark.parametrize("camera", [*CAMERAS, *NEW], ids=lambda c: type(c).__name__)
def test_unproject_inverts_project(camera: pg.Camera) -> None:
    generator = torch.Generator().manual_seed(4)
    rays = torch.randn(500, 3, dtype=torch.float64, generator=generator)
    rays = rays / rays.norm(dim=-1, keepdim=True)
    kept = rays[camera.visible(rays)]
    assert len(kept) > 5
    assert (camera.unproject(camera.project(kept)) - kept).abs().max() < 1e-9


@pytest.mark.parametrize("camera", [*CAMERAS, *NEW], ids=lambda c: type(c).__name__)
def test_unproject_of_centres_is_rays(camera: pg.Camera) -> None:
    v, u = torch.meshgrid(
        torch.arange(camera.height) + 0.5, torch.arange(camera.width) + 0.5, indexing="ij"
    )
    got = camera.unproject(torch.stack([u, v], -1).double())
    rays = camera.rays(dtype=torch.float64)
    assert torch.equal(torch.isnan(got), torch.isnan(rays))
    assert (got - rays).nan_to_num().abs().max() < 1e-12


def test_unproject_refuses_rays() -> None:
    with pytest.raises(pg.ShapeError, match="pixels"):
        NEW[0].unproject(torch.zeros(4, 3))


def rays_ahead(limit: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    t = torch.rand(400, generator=generator, dtype=torch.float64) * limit
    a = torch.rand(400, generator=generator, dtype=torch.float64) * 2 * math.pi
    return torch.stack([t.sin() * a.cos(), t.sin() * a.sin(), t.cos()], -1)


def test_fisheye_is_that_of_opencv() -> None:
    cv2, np = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    camera = pg.Fisheye(480, 640, 210.0, 320.5, 240.5, KB, math.radians(178), 205.0)
    rays = rays_ahead(math.radians(85))
    matrix = np.array([[210.0, 0, 320.0], [0, 205.0, 240.0], [0, 0, 1]])
    zero = np.zeros(3)
    pixels, _ = cv2.fisheye.projectPoints(rays.numpy()[:, None], zero, zero, matrix, np.array(KB))
    assert np.abs(camera.project(rays).numpy() - 0.5 - pixels[:, 0]).max() < 1e-8
    back = cv2.fisheye.undistortPoints(pixels, matrix, np.array(KB))[:, 0]
    ours = camera.unproject(torch.from_numpy(pixels[:, 0]) + 0.5)
    near = rays[:, 2] > 0.5
    slopes = (ours[:, :2] / ours[:, 2:])[near].numpy()
    assert np.abs(slopes - back[near.numpy()]).max() < 1e-6


@pytest.mark.parametrize("xi", [0.0, 0.7, 1.3])
def test_mei_is_opencv_s_pinhole_above_the_sphere(xi: float) -> None:
    cv2, np = pytest.importorskip("cv2"), pytest.importorskip("numpy")
    limit = math.radians(60)
    camera = pg.Mei(480, 640, 310.0, 300.0, 320.5, 240.5, xi, BROWN, 2 * limit)
    rays = rays_ahead(limit)
    matrix = np.array([[310.0, 0, 320.0], [0, 300.0, 240.0], [0, 0, 1]])
    lifted = (rays + torch.tensor([0.0, 0.0, xi], dtype=torch.float64)).numpy()
    pixels, _ = cv2.projectPoints(lifted, np.zeros(3), np.zeros(3), matrix, np.array(BROWN))
    assert np.abs(camera.project(rays).numpy() - 0.5 - pixels[:, 0]).max() < 1e-8


def test_mei_with_xi_one_is_stereographic() -> None:
    mei = pg.Mei(40, 40, 20.0, 20.0, 20.0, 20.0, 1.0, fov=math.radians(240))
    planet = pg.Stereographic(40, 40, 10.0)
    rays = rays_ahead(math.radians(119))
    assert (mei.project(rays) - planet.project(rays)).abs().max() < 1e-10


def test_stereographic_radius_is_twice_the_tangent_of_half_the_angle() -> None:
    camera = pg.Stereographic(100, 100, 12.0)
    for degrees in (1, 45, 90, 150, 179):
        t = math.radians(degrees)
        ray = torch.tensor([math.sin(t), 0.0, math.cos(t)], dtype=torch.float64)
        assert camera.project(ray)[0] - 50 == pytest.approx(24 * math.tan(t / 2), rel=1e-9)
    assert camera.project(torch.tensor([0.0, 0.0, -1.0])).isnan().all()


def test_cropped_camera_is_a_window_of_the_full_one() -> None:
    full = pg.Equirectangular(32, 64).rays(dtype=torch.float64)
    crop = pg.CroppedEquirectangular(10, 30, 32, 64, 5, 50).rays(dtype=torch.float64)
    assert (crop - full.roll(-50, 1)[5:15, :30]).abs().max() < 1e-12


@pytest.mark.parametrize(
    "make",
    [
        lambda: pg.Stereographic(4, 4, -1.0),
        lambda: pg.Stereographic.from_fov(4, 4, 2 * math.pi),
        lambda: pg.Mei(4, 4, 1.0, 1.0, 2.0, 2.0, 0.5, fov=math.radians(300)),
        lambda: pg.Mei(4, 4, 1.0, 1.0, 2.0, 2.0, 0.0, (-9.0, 0.0, 0.0, 0.0)),
        lambda: pg.Fisheye(4, 4, 1.0, focal_y=0.0),
        lambda: pg.CroppedEquirectangular(4, 9, 8, 8, 0, 0),
        lambda: pg.CroppedEquirectangular(4, 4, 8, 16, 6, 0),
        lambda: pg.CroppedEquirectangular(4, 4, NAN, 16, 0, 0),
        lambda: pg.CroppedEquirectangular(4, 4, 8, 16, 0, NAN),
        lambda: pg.Stereographic(4, 4, 1.0, NAN),
        lambda: pg.Fisheye(4, 4, 1.0, cy=NAN),
        lambda: pg.Fisheye(4, 4, 1.0, coefficients=(0.0, NAN, 0.0, 0.0)),
        lambda: pg.Mei(4, 4, math.inf, 1.0, 2.0, 2.0, 0.5),
        lambda: pg.Mei(4, 4, 1.0, 1.0, NAN, 2.0, 0.5),
        lambda: pg.Mei(4, 4, 1.0, 1.0, 2.0, 2.0, NAN),
        lambda: pg.Mei(4, 4, 1.0, 1.0, 2.0, 2.0, 0.5, (0.0, 0.0, NAN, 0.0)),
        lambda: pg.Mei(4, 4, 1.0, 1.0, 2.0, 2.0, 0.5, (0.0, 0.0, 0.5, 0.5)),
    ],
)
def test_impossible_cameras_are_refused(make) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()
