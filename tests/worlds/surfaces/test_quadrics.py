"""Distances and normals against surfaces whose answer is known in closed form."""

import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds import render
from pano_worlds.surfaces.builder import arch, box, cylinder, dome, frustum, quad, ring, sphere
from pano_worlds.vectors import to_world
from tests.worlds.conftest import GREY, rays64

CAMERA = pg.Equirectangular(128, 256)
TOLERANCE = 1e-6


def seen(world_of, add):
    world = world_of(add)
    return render(world, world.viewpoints[0], CAMERA)


def sphere_distance(rays, centre, radius):
    along = rays @ centre
    root = along**2 - (centre @ centre - radius**2)
    return np.where((root >= 0) & (along > 0), along - np.sqrt(np.maximum(root, 0)), 0.0)


@pytest.mark.parametrize(
    ("centre", "radius"),
    [((0.5, 3.0, 0.2), 1.0), ((-4.0, -2.0, 3.0), 0.3), ((0, 400.0, 60.0), 50.0)],
)
def test_sphere_from_outside(world_of, centre, radius):
    view = seen(world_of, lambda b: sphere(b, centre, radius, GREY))
    rays, world_centre = rays64(CAMERA), to_world(np.array(centre, dtype=float))
    expected = sphere_distance(rays, world_centre, radius)
    assert (expected > 0).sum() > 5
    np.testing.assert_array_equal(~view.sky, expected > 0)
    np.testing.assert_allclose(view.distance, expected, rtol=TOLERANCE)
    hit = expected > 0
    normal = (rays[hit] * expected[hit][:, None] - world_centre) / radius
    np.testing.assert_allclose(view.normal[hit], normal, atol=1e-5)


def test_sphere_from_inside(world_of):
    centre = np.array([0.3, -0.4, 0.2])
    view = seen(world_of, lambda b: sphere(b, (0.3, 0.2, 0.4), 2.0, GREY))
    along = rays64(CAMERA) @ centre
    np.testing.assert_allclose(
        view.distance, along + np.sqrt(along**2 - centre @ centre + 4.0), rtol=TOLERANCE
    )


def test_dome_is_the_upper_half(world_of):
    view = seen(world_of, lambda b: dome(b, (0, 0, 0.5), 2.0, 1.0, GREY))
    rays = rays64(CAMERA)
    points = rays * view.distance[..., None]
    hit = ~view.sky
    value = (
        (points[hit][:, 0] / 2) ** 2 + (points[hit][:, 2] / 2) ** 2 + (points[hit][:, 1] + 0.5) ** 2
    )
    np.testing.assert_allclose(value, 1.0, atol=1e-6)
    assert points[hit][:, 1].max() <= -0.5 + 1e-6
    # Seen from below its middle: everything above the rim, which is 14 degrees up.
    np.testing.assert_array_equal(hit, rays[..., 1] < -0.5 / np.hypot(0.5, 2.0))


def test_ellipsoid_points_satisfy_its_equation(world_of):
    view = seen(world_of, lambda b: sphere(b, (0, 4.0, 0.0), (2.0, 1.0, 0.5), GREY))
    points = rays64(CAMERA)[~view.sky] * view.distance[~view.sky][:, None]
    # Plan radii (x, y ahead, z up) are world (x, -, z) = (2, 0.5, 1).
    value = (points[:, 0] / 2.0) ** 2 + (points[:, 1] / 0.5) ** 2 + (points[:, 2] - 4.0) ** 2
    assert len(points) > 300
    np.testing.assert_allclose(value, 1.0, atol=2e-6)


def test_upright_cylinder_around_the_camera(world_of):
    view = seen(world_of, lambda b: cylinder(b, (0, 0, -1.0), (0, 0, 2.0), 3.0, GREY))
    rays = rays64(CAMERA)
    with np.errstate(divide="ignore"):
        side = 3.0 / np.hypot(rays[..., 0], rays[..., 2])
        cap = np.where(rays[..., 1] > 0, 1.0, -2.0) / rays[..., 1]
    np.testing.assert_allclose(view.distance, np.minimum(side, cap), rtol=TOLERANCE)


def test_cylinder_from_outside_has_an_exact_outline(world_of):
    view = seen(
        world_of, lambda b: cylinder(b, (1.0, 2.0, -9.0), (1.0, 2.0, 9.0), 0.5, GREY, caps=False)
    )
    rays = rays64(CAMERA)
    a = rays[..., 0] ** 2 + rays[..., 2] ** 2
    half = rays[..., 0] * 1.0 + rays[..., 2] * 2.0
    root = half**2 - a * (5.0 - 0.25)
    t = np.where((root >= 0) & (half > 0), (half - np.sqrt(np.maximum(root, 0))) / a, 0.0)
    t = np.where(np.abs(rays[..., 1] * t) <= 9.0, t, 0.0)
    np.testing.assert_array_equal(~view.sky, t > 0)
    np.testing.assert_allclose(view.distance, t, rtol=TOLERANCE)


def test_cone_points_lie_on_the_cone(world_of):
    view = seen(
        world_of, lambda b: frustum(b, (0, 3.0, -1.0), (0, 3.0, 1.0), 1.0, 0.25, GREY, caps=False)
    )
    points = rays64(CAMERA)[~view.sky] * view.distance[~view.sky][:, None]
    share = (1.0 - points[:, 1]) / 2.0
    radius = np.hypot(points[:, 0], points[:, 2] - 3.0)
    assert len(points) > 300
    np.testing.assert_allclose(radius, 1.0 - 0.75 * share, atol=2e-6)


def test_ring_has_its_hole(world_of):
    view = seen(world_of, lambda b: ring(b, (0, 0, -1.5), 2.0, 1.0, GREY))
    rays = rays64(CAMERA)
    with np.errstate(divide="ignore"):
        t = 1.5 / rays[..., 1]
    rho = np.hypot(rays[..., 0], rays[..., 2]) * t
    inside = (rays[..., 1] > 0) & (rho >= 1.0) & (rho <= 2.0)
    np.testing.assert_array_equal(~view.sky, inside)
    np.testing.assert_allclose(view.distance[inside], t[inside], rtol=TOLERANCE)


def test_light_passes_the_hole_of_a_ring(world_of):
    """The rays of shadows see the mesh alone."""
    world = world_of(lambda b: ring(b, (0, 0, 1.0), 0.5, 0.3, GREY))
    rho, angle = np.meshgrid([0.0, 0.29, 0.31, 0.49, 0.52], np.linspace(0.0, 6.0, 40))
    at = np.stack([rho * np.cos(angle), 0.0 * rho, rho * np.sin(angle)], axis=-1)
    up = np.broadcast_to(np.array([0.0, -1.0, 0.0], dtype=np.float32), at.shape)
    ends = world.tracer.nearest(at.reshape(-1, 3).astype(np.float32), up.reshape(-1, 3))[0] >= 0
    expected = np.broadcast_to([False, False, True, True, False], rho.shape)
    np.testing.assert_array_equal(ends.reshape(rho.shape), expected)


def test_arch_is_the_upper_half_of_a_cylinder(world_of):
    view = seen(world_of, lambda b: arch(b, (0, -3.0, 0.0), (0, 3.0, 0.0), 1.5, GREY))
    rays = rays64(CAMERA)
    with np.errstate(divide="ignore"):
        t = 1.5 / np.hypot(rays[..., 0], rays[..., 1])
    reach = np.where(rays[..., 1] < 0, np.abs(rays[..., 2] * t), np.inf)
    # The ray mesh is open at the ends: a rim of the gap's width may be missed there, never added.
    assert not view.sky[reach < 2.9].any()
    assert view.sky[reach > 3.0].all()
    hit = ~view.sky
    assert hit.sum() > 5000
    np.testing.assert_allclose(view.distance[hit], t[hit], rtol=TOLERANCE)


@pytest.mark.parametrize("size", [0.5, 3.0, 450.0])
def test_planes_of_a_box_around_the_camera(world_of, size):
    view = seen(world_of, lambda b: box(b, (-size, -size, -size), (size, size, size), GREY))
    rays = rays64(CAMERA)
    expected = size / np.abs(rays).max(axis=-1)
    np.testing.assert_allclose(view.distance, expected, rtol=TOLERANCE)
    axis = np.abs(rays).argmax(axis=-1)
    towards = -np.sign(np.take_along_axis(rays, axis[..., None], -1))
    normal = np.zeros_like(rays)
    np.put_along_axis(normal, axis[..., None], towards, -1)
    np.testing.assert_allclose(view.normal, normal, atol=1e-6)


def test_ground_plane_to_the_horizon(world_of):
    corners = [(-900, -900, -1.6), (900, -900, -1.6), (900, 900, -1.6), (-900, 900, -1.6)]
    view = seen(world_of, lambda b: quad(b, corners, GREY))
    down = rays64(CAMERA)[..., 1]
    assert (~view.sky).sum() > 0.49 * down.size
    np.testing.assert_allclose(view.distance[~view.sky], 1.6 / down[~view.sky], rtol=TOLERANCE)


def test_what_stands_between_mesh_and_surface_is_seen(world_of):
    """The ray mesh bulges out of its sphere; a disc in the bulge must hide the sphere."""

    def add(b):
        sphere(b, (0, 3.0, 0.0), 1.0, GREY)
        quad(
            b,
            [
                (-0.05, 1.995, -0.05),
                (0.05, 1.995, -0.05),
                (0.05, 1.995, 0.05),
                (-0.05, 1.995, 0.05),
            ],
            GREY,
        )

    view = seen(world_of, add)
    rays = rays64(CAMERA)
    t = 1.995 / rays[..., 2]
    on = (
        (rays[..., 2] > 0) & (np.abs(rays[..., 0] * t) < 0.049) & (np.abs(rays[..., 1] * t) < 0.049)
    )
    assert on.sum() >= 4
    np.testing.assert_allclose(view.distance[on], t[on], rtol=TOLERANCE)
