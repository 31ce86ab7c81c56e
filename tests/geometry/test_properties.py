"""Properties that hold for every size, rotation and camera (random cases by hypothesis)."""

import math

import pytest
import torch

import pano_geometry as pg
from tests.geometry.fields import erp_rays, harmonics, turned

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
angles = st.floats(-math.pi, math.pi)
pitches = st.floats(-math.pi / 2, math.pi / 2)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 80))
even_sizes = st.tuples(st.integers(1, 30), st.integers(1, 40).map(lambda k: 2 * k))


@st.composite
def cameras(draw):
    h, w = draw(sizes)
    fov = draw(st.floats(0.1, 3.0))
    kind = draw(st.integers(0, 5))
    return (
        pg.Equirectangular(h, w),
        pg.Cassini(h, w),
        pg.Cubemap(min(h, w)),
        pg.Perspective.from_fov(h, w, fov, draw(st.floats(0.1, 3.0))),
        pg.Cylindrical(h, w, fov_x=2 * fov, fov_y=fov),
        pg.Fisheye.from_fov(h, w, 2 * fov, (draw(st.floats(0, 0.05)), 0.0, 0.0, 0.0)),
    )[kind]


def rotation_of(yaw: float, pitch: float, roll: float) -> torch.Tensor:
    return pg.from_ypr(yaw, pitch, roll, dtype=torch.float64)


@quick
@given(cameras())
def test_pixels_of_rays_are_the_pixels(camera) -> None:
    rays = camera.rays(dtype=torch.float64)
    seen = ~torch.isnan(rays[..., 0])
    row, column = torch.meshgrid(
        torch.arange(camera.height), torch.arange(camera.width), indexing="ij"
    )
    expected = torch.stack([column, row], -1) + 0.5
    error = (camera.project(rays) - expected)[seen].abs()
    assert error.numel() == 0 or error.max() < 1e-6


@quick
@given(cameras(), angles, pitches, angles)
def test_constants_stay_constant_between_any_cameras(camera, yaw, pitch, roll) -> None:
    rotation = rotation_of(yaw, pitch, roll)
    source = pg.Equirectangular(9, 18)
    got = pg.resample(torch.full((1, 1, 9, 18), 0.7), source, camera, rotation)
    mask = camera.image_mask()
    inside = got if mask is None else got[..., mask]
    assert (inside - 0.7).abs().max() < 1e-6 if inside.numel() else True


@quick
@given(cameras(), angles, pitches, angles)
def test_values_stay_within_the_range_of_the_image(camera, yaw, pitch, roll) -> None:
    image = torch.rand(1, 1, *camera.size, generator=torch.Generator().manual_seed(1)) + 1
    got = pg.resample(image, camera, pg.Equirectangular(8, 16), rotation_of(yaw, pitch, roll))
    assert ((got == 0) | ((got > 1 - 1e-5) & (got < 2 + 1e-5))).all()


@quick
@given(cameras(), cameras(), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_samples_do_not_depend_on_their_batch(source, target, images, turns, flat) -> None:
    # Streamed, kept, tabled, sparse: the path depends on the sizes of the batch, the values do not.
    generator = torch.Generator().manual_seed(images)
    turns = turns if images == 1 else (1, images)[turns % 2]
    rotations = pg.random_rotation(turns, generator)
    batch = torch.rand(images, 2, *source.size, generator=generator)
    given = rotations[0] if flat and turns == 1 else rotations
    got = pg.resample(batch, source, target, given)
    for k in range(len(got)):
        image, turn = batch[k % images][None], rotations[k % turns]
        assert torch.allclose(got[k], pg.resample(image, source, target, turn)[0], atol=2e-3)


@quick
@given(angles, pitches, angles)
def test_rotation_and_its_inverse_cancel(yaw, pitch, roll) -> None:
    rotation = rotation_of(yaw, pitch, roll)
    smooth = harmonics(erp_rays(48, 96, torch.float64))
    back = pg.rotate(pg.rotate(smooth, rotation), rotation.mT)
    assert (back - smooth).abs().max() < 2.5e-3  # two bilinear samplings at 3.75° per pixel


@quick
@given(angles, pitches, angles)
def test_rotation_is_equivariant(yaw, pitch, roll) -> None:
    rotation = rotation_of(yaw, pitch, roll)
    rays = erp_rays(48, 96, torch.float64)
    got = pg.rotate(harmonics(rays), rotation)
    assert (got - harmonics(turned(rotation, rays))).abs().max() < 1.3e-3


@quick
@given(even_sizes, st.integers(-200, 200), st.sampled_from(["nearest", "bilinear", "bicubic"]))
def test_yaw_by_whole_columns_is_roll(size, columns, mode) -> None:
    image = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(2))
    got = pg.rotate(image, pg.from_ypr(2 * math.pi * columns / size[1]), mode)
    assert torch.equal(got, image.roll(-columns, -1))


@quick
@given(even_sizes, st.integers(0, 30), st.integers(0, 30))
def test_padding_twice_is_padding_once(size, n, columns) -> None:
    image = torch.rand(1, 1, *size, generator=torch.Generator().manual_seed(2))
    n = min(n, *size)
    padded = pg.pad(image, n)
    assert torch.equal(padded[..., n : n + size[0], n : n + size[1]], image)
    assert torch.equal(pg.pad(image.flip(-1), n), padded.flip(-1))
    rolled = pg.pad(image.roll(columns, -1), n)[..., n : n + size[1]]
    assert torch.equal(rolled, padded[..., n : n + size[1]].roll(columns, -1))


@quick
@given(angles, pitches)
def test_cube_and_back_in_degrees(yaw, pitch) -> None:
    rays = erp_rays(64, 128, torch.float64)
    rotation = rotation_of(yaw, pitch, 0.0)
    back = pg.cube_to_erp(pg.erp_to_cube(rays, 64, rotation), 64, 128, rotation.mT)
    angle = pg.great_circle_angle(back.permute(0, 2, 3, 1), rays.permute(0, 2, 3, 1))
    assert float(torch.rad2deg(angle).max()) < 0.03  # 1 % of a pixel


@quick
@given(sizes)
def test_solid_angles_fill_the_sphere(size) -> None:
    rows = pg.solid_angle(*size, dtype=torch.float64)
    assert float(rows.sum() * size[1]) == pytest.approx(4 * math.pi, rel=1e-12)
    assert (rows > 0).all()
