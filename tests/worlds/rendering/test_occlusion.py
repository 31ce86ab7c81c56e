import numpy as np
import torch

import pano_geometry as pg
from pano_worlds import render
from pano_worlds.rendering.occlusion import pixel_angle, wraps
from pano_worlds.surfaces.shapes import box, quad, sphere
from tests.worlds.conftest import GREY, rays64

CAMERA = pg.Equirectangular(128, 256)


def test_edges_surround_a_sphere_before_a_wall(world_of):
    def add(b):
        box(b, (-6, -6, -6), (6, 6, 6), GREY)
        sphere(b, (0, 3, 0), 1.0, GREY)

    world = world_of(add)
    view = render(world, world.viewpoints[0], CAMERA)
    ball = view.distance < 3.5
    inner = (
        ball
        & np.roll(ball, 1, 0)
        & np.roll(ball, -1, 0)
        & np.roll(ball, 1, 1)
        & np.roll(ball, -1, 1)
    )
    outer = (
        ball
        | np.roll(ball, 1, 0)
        | np.roll(ball, -1, 0)
        | np.roll(ball, 1, 1)
        | np.roll(ball, -1, 1)
    )
    np.testing.assert_array_equal(view.edge, outer & ~inner)


def test_creases_and_grazing_floors_have_no_edges(world_of):
    world = world_of(lambda b: box(b, (-30, -30, -1.5), (30, 30, 8), GREY))
    assert not render(world, world.viewpoints[0], CAMERA).edge.any()


def test_skyline_is_an_edge_on_both_sides(world_of):
    world = world_of(
        lambda b: quad(b, [(-9, -9, -1.5), (9, -9, -1.5), (9, 9, -1.5), (-9, 9, -1.5)], GREY)
    )
    view = render(world, world.viewpoints[0], CAMERA)
    below = ~view.sky & np.roll(view.sky, 1, axis=0)
    below[0] = False
    assert view.edge[below].all()
    assert view.edge[np.roll(below, -1, axis=0)].all()


def test_which_cameras_wrap():
    assert wraps(rays64(pg.Equirectangular(32, 64))) == (False, True)
    assert wraps(rays64(pg.Cassini(64, 32))) == (True, False)
    assert wraps(rays64(pg.Perspective.from_fov(32, 32, 1.5))) == (False, False)


def test_edges_wrap_around_the_seam(world_of):
    def add(b):
        box(b, (-6, -6, -6), (6, 6, 6), GREY)
        # Its side lies exactly on the seam behind the camera.
        box(b, (0.0, -3.2, -1), (2.0, -3.0, 1), GREY)

    world = world_of(add)
    view = render(world, world.viewpoints[0], CAMERA)
    middle = slice(56, 72)
    assert view.edge[middle, 0].all()
    assert view.edge[middle, -1].all()


def test_pixel_angle_of_an_erp_is_its_row_step():
    angle = pixel_angle(np.asarray(pg.Equirectangular(64, 128).rays(dtype=torch.float64)))
    np.testing.assert_allclose(angle[32], np.pi / 64, rtol=1e-3)
    assert (angle > 0).all()
