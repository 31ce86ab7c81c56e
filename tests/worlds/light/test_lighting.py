import numpy as np

import pano_geometry as pg
from pano_worlds import Viewpoint, World, render
from pano_worlds.light.atmosphere import Sky
from pano_worlds.light.lighting import Lamp, Light, join
from pano_worlds.surfaces.builder import Builder, box, quad, sphere
from pano_worlds.world import upright
from tests.worlds.conftest import GREY, rays64

DARK = Sky((0.0, -1.0, 0.0), (0.0,) * 3, (0.0,) * 3, (0.0,) * 3, 0.0, 0)
CAMERA = pg.Equirectangular(128, 256)


def brightness(add, light):
    builder = Builder()
    with builder.object("thing"):
        add(builder)
    view = Viewpoint(np.zeros(3), upright(0.0))
    picture = render(World("indoor", 0, builder.finish(), light, (view,)), view, CAMERA)
    return picture.rgb.astype(float).mean(axis=-1), picture


def floor(b):
    quad(b, [(-5, -5, -1.5), (5, -5, -1.5), (5, 5, -1.5), (-5, 5, -1.5)], GREY)


def test_a_lamp_throws_a_soft_shadow():
    def shaded(b):
        floor(b)
        box(b, (-0.5, 1.5, -0.8), (0.5, 2.5, -0.75), GREY)

    light = Light((Lamp((0.0, -1.5, 2.0), 0.25, (6.0, 6.0, 6.0)),), DARK, (0.0,) * 3, 1.0)
    free, view = brightness(floor, light)
    dark, _ = brightness(shaded, light)
    # The floor's point under the lamp, seen past the plate's near edge.
    points = rays64(CAMERA) * view.distance[..., None]
    hidden = ~view.sky & (np.abs(points[..., 0]) < 0.4) & (np.abs(points[..., 2] - 1.55) < 0.25)
    lit = ~view.sky & (np.abs(points[..., 2] + 2.0) < 0.5)
    ratio = dark[hidden] / free[hidden]
    assert hidden.sum() > 20
    assert ratio.min() < 0.2
    np.testing.assert_allclose(dark[lit], free[lit], atol=1.0)
    # Soft: some points are between light and shadow.
    rim = (
        ~view.sky & (np.abs(points[..., 0]) < 1.6) & (points[..., 2] > 0.8) & (points[..., 2] < 1.6)
    )
    share = dark[rim] / np.maximum(free[rim], 1)
    assert ((share > 0.3) & (share < 0.9)).sum() > 10


def test_sun_shines_on_the_side_that_faces_it():
    sky = Sky((0.6, -0.8, 0.0), (2.0,) * 3, (0.05,) * 3, (0.05,) * 3, 0.0, 0)

    def ball(b):
        sphere(b, (0, 4, 0), 1.0, GREY)

    shade, view = brightness(ball, Light((), sky, (0.05,) * 3, 1.0))
    on = ~view.sky
    facing = view.normal[on] @ np.array(sky.sun)
    assert shade[on][facing > 0.5].min() > 2 * shade[on][facing < -0.1].max()


def test_corners_are_darker_than_open_walls():
    light = Light((), DARK, (0.6, 0.6, 0.6), 2.0)
    shade, view = brightness(lambda b: box(b, (-2, -2, -2), (2, 2, 2), GREY), light)
    rays = rays64(CAMERA)
    near_corner = np.sort(np.abs(rays), axis=-1)
    corner = near_corner[..., 0] / near_corner[..., 2] > 0.9
    middle = near_corner[..., 1] / near_corner[..., 2] < 0.2
    assert shade[corner].mean() < 0.93 * shade[middle].mean()
    assert view.sky.sum() == 0


def test_join_keeps_surfaces_apart_and_means_blocks():
    h, w = 16, 16
    samples = np.zeros((h, w, 3), dtype=np.float32)
    samples[::2, ::2] = 4.0
    normals = np.zeros((h, w, 3))
    normals[:, :8, 2], normals[:, 8:, 0] = -1.0, -1.0
    x, y = np.meshgrid(np.arange(w) * 0.01, np.arange(h) * 0.01)
    points = np.stack([x, y, np.full_like(x, 2.0)], axis=-1)
    points[:, 8:, 0] = 0.08
    joined = join(samples, normals, points, np.full((h, w), 2.0))
    np.testing.assert_allclose(joined[4:12, 2:6], 1.0, atol=1e-6)
    samples[:, 8:] = 100.0
    other = join(samples, normals, points, np.full((h, w), 2.0))
    np.testing.assert_allclose(other[2:-2, 2:8], joined[2:-2, 2:8], rtol=1e-6)
