"""Direction-coded images: where a pixel really looks, in pixels of the source (golden 12-18)."""

import itertools
import math

import pytest
import torch

import pano_geometry as pg
from pano_geometry.cameras.cubemap import from_strip
from tests.geometry.fields import erp_rays, image_of_rays, pixel_error, turned

WIDTH = 512
ZOOMS = {
    "seam": (math.pi, 0.1),
    "zenith": (0.3, math.pi / 2),
    "nadir": (0.3, -math.pi / 2),
    "general": (0.7, 0.4),
}


def faces_of_rays(size: int):
    return from_strip(image_of_rays(pg.Cubemap(size)))


@pytest.mark.parametrize("where", ZOOMS)
@pytest.mark.parametrize("fov", [4, 90])
def test_golden_12_14_views(where, fov) -> None:
    camera = pg.Perspective.from_fov(48, 64, math.radians(fov))
    rotation = pg.from_ypr(*ZOOMS[where])
    got = pg.erp_to_perspective(erp_rays(WIDTH // 2, WIDTH), camera, rotation)
    truth = turned(rotation.double(), image_of_rays(camera, torch.float64))
    error = pixel_error(got, truth, WIDTH)
    assert error.mean() < 1e-3
    assert error.max() < 5e-3


def test_golden_12_rotation_and_cube(generator) -> None:
    rays = erp_rays(WIDTH // 2, WIDTH)
    for rotation in pg.random_rotation(2, generator):
        error = pixel_error(pg.rotate(rays, rotation), turned(rotation, rays), WIDTH)
        assert error.mean() < 1e-3
        assert error.max() < 5e-3
    got = pg.erp_to_cube(rays, WIDTH)  # twice finer than the panorama: seam and poles in zoom
    error = pixel_error(got[0], faces_of_rays(WIDTH)[0], WIDTH)
    assert error.mean() < 1e-3
    assert error.max() < 5e-3


def test_golden_13_cube_to_erp_edges_and_corners_included() -> None:
    erp = pg.cube_to_erp(faces_of_rays(256), 256, WIDTH)
    error = pixel_error(erp, erp_rays(256, WIDTH, torch.float64), WIDTH)
    assert error.max() < 5e-3


def test_golden_14_zoom_on_every_edge_and_corner_of_the_cube() -> None:
    faces = faces_of_rays(256)
    camera = pg.Perspective.from_fov(32, 32, math.radians(4))
    axes = [v for v in itertools.product((-1, 0, 1), repeat=3) if sum(map(abs, v)) >= 2]
    assert len(axes) == 12 + 8
    for x, y, z in axes:
        rotation = pg.from_ypr(math.atan2(x, z), math.atan2(-y, math.hypot(x, z)))
        view = pg.resample(faces.transpose(1, 2).flatten(2, 3), pg.Cubemap(256), camera, rotation)
        truth = turned(rotation.double(), image_of_rays(camera, torch.float64))
        assert pixel_error(view, truth, WIDTH).max() < 5e-3


def test_golden_15_no_mirror_no_transpose(generator) -> None:
    rotation = pg.random_rotation(1, generator, dtype=torch.float64)[0]
    rays = erp_rays(128, 256, torch.float64)
    got = pg.rotate(rays, rotation).flatten(2)[0]
    expected = rays.flatten(2)[0]
    u, _, vh = torch.linalg.svd(got @ expected.T)
    fitted = u @ vh
    assert float(torch.linalg.det(fitted)) == pytest.approx(1.0)
    assert float(pg.geodesic_angle(fitted, rotation)) < 1e-4


def test_golden_16_face_centres() -> None:
    centres = pg.erp_to_cube(erp_rays(128, 256), 33)[0, :, :, 16, 16]
    centres = torch.nn.functional.normalize(centres, dim=-1)
    axes = [[0, 0, 1], [1, 0, 0], [0, 0, -1], [-1, 0, 0], [0, -1, 0], [0, 1, 0]]
    assert (centres - torch.tensor(axes)).abs().max() < 1e-4


def test_golden_17_view_centre_and_corners(generator) -> None:
    camera = pg.Perspective.from_fov(33, 65, 1.4)
    for rotation in pg.random_rotation(4, generator):
        view = pg.erp_to_perspective(erp_rays(256, 512), camera, rotation)
        centre = torch.nn.functional.normalize(view[0, :, 16, 32], dim=0)
        assert (centre - rotation[:, 2]).abs().max() < 1e-4


def test_golden_19_second_order_everywhere() -> None:
    """See test_resample.py for the rates; here the bound of ideal bilinear sampling."""
    from tests.geometry.fields import harmonics

    for width, bound in ((512, 3.2e-5), (1024, 8.4e-6)):
        camera = pg.Equirectangular(width // 2, width)
        field = harmonics(image_of_rays(camera, torch.float64)).float()
        worst = 0.0
        for where in ZOOMS.values():
            rotation = pg.from_ypr(*where)
            view = pg.Perspective.from_fov(64, 64, math.radians(90))
            truth = harmonics(turned(rotation.double(), image_of_rays(view, torch.float64)))
            worst = max(
                worst, float((pg.erp_to_perspective(field, view, rotation) - truth).abs().max())
            )
        assert worst < bound


def test_golden_20_nearest_is_the_brute_force_nearest(generator) -> None:
    source, target = pg.Equirectangular(17, 31), pg.Perspective.from_fov(13, 19, 1.9)
    labels = torch.arange(17 * 31).reshape(1, 1, 17, 31)
    for rotation in pg.random_rotation(3, generator, dtype=torch.float64):
        got = pg.resample(labels.double(), source, target, rotation, "nearest")
        pixels = source.project(
            torch.einsum("ij,hwj->hwi", rotation, target.rays(dtype=torch.float64))
        )
        row, column = pixels[..., 1].floor().clamp(max=16), pixels[..., 0].floor() % 31
        assert torch.equal(got[0, 0], row * 31 + column)
        assert torch.equal(
            pg.resample(labels, source, target, rotation, "nearest").double(), got
        ) or (
            # int64 labels use float32 coordinates: only pixels on a border may differ
            (pg.resample(labels, source, target, rotation, "nearest").double() != got).sum() <= 1
        )


def test_golden_21_bicubic_reproduces_quadratic_fields() -> None:
    camera = pg.Equirectangular(64, 128)
    v, u = torch.meshgrid(torch.arange(64) + 0.5, torch.arange(128) + 0.5, indexing="ij")

    def quadratic(u, v):
        return 1 + 0.01 * u + 0.02 * v + 1e-4 * u * u - 2e-4 * v * v + 3e-4 * u * v

    target = pg.Perspective.from_fov(40, 40, 1.0)
    rotation = pg.from_ypr(0.4, 0.2, dtype=torch.float64)
    pixels = camera.project(torch.einsum("ij,hwj->hwi", rotation, target.rays(dtype=torch.float64)))
    got = pg.resample(quadratic(u, v)[None, None].double(), camera, target, rotation, "bicubic")
    expected = quadratic(pixels[..., 0], pixels[..., 1])
    assert (got[0, 0] - expected).abs().max() < 1e-4


def test_golden_22_step_at_the_seam_is_one_ramp() -> None:
    step = torch.zeros(1, 1, 64, 128)
    step[..., 64:] = 1
    view = pg.Perspective.from_fov(9, 201, math.radians(10))
    line = pg.erp_to_perspective(step, view, pg.from_ypr(math.pi))[0, 0, 4]
    assert line[0] == 1
    assert line[-1] == 0
    assert (line.diff() <= 1e-6).all()
    between = ((line > 1e-4) & (line < 1 - 1e-4)).sum()
    width_of_a_pixel = 201 * (2 * math.pi / 128) / math.radians(10)
    assert abs(float(between) - width_of_a_pixel) < 2
