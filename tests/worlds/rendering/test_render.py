import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_worlds import CAMERA, CLEAN, Viewpoint, make_world, render
from pano_worlds.rendering.render import pixel_angle, wraps
from pano_worlds.surfaces.builder import box, quad, sphere
from pano_worlds.world import upright
from tests.worlds.conftest import GREY, rays64

KINDS = ("indoor", "outdoor")


@pytest.fixture(scope="module", params=KINDS)
def world(request):
    return make_world(request.param, 3)


def digest(view) -> str:
    parts = (view.rgb, view.distance, view.normal, view.instance, view.sky, view.edge)
    return hashlib.sha256(b"".join(p.tobytes() for p in parts)).hexdigest()


def test_view_has_the_promised_shapes_and_values(world, small_erp):
    view = render(world, world.viewpoints[0], small_erp)
    assert view.rgb.shape == (64, 128, 3)
    assert view.rgb.dtype == np.uint8
    assert view.distance.dtype == np.float32
    assert view.instance.dtype == np.int32
    assert np.isfinite(view.distance).all()
    assert (view.distance[view.sky] == 0).all()
    assert (view.distance[~view.sky] > 0.05).all()
    length = np.linalg.norm(view.normal, axis=-1)
    np.testing.assert_allclose(length[~view.sky], 1.0, atol=1e-6)
    assert (length[view.sky] == 0).all()
    assert ((view.instance > 0) == ~view.sky).all()
    assert view.instance.max() <= len(world.surfaces.labels)
    assert not view.artefact.any()
    facing = np.sum(view.normal * rays64(small_erp), axis=-1)
    assert (facing[~view.sky] < 1e-6).all()
    # A picture, not a flat colour.
    assert view.rgb.std() > 15


@dataclass(frozen=True)
class Turned:
    """A camera whose rays are turned."""

    camera: object
    rotation: np.ndarray

    def rays(self, *, dtype):
        return self.camera.rays(dtype=dtype) @ torch.tensor(self.rotation.T, dtype=dtype)


@pytest.mark.parametrize(
    "camera",
    [
        pg.Equirectangular(48, 96),
        pg.Cassini(96, 48),
        pg.Perspective.from_fov(48, 64, 1.4),
        pg.Cubemap(32),
        pg.Fisheye.equidistant(64, 64, 3.3)
        if hasattr(pg.Fisheye, "equidistant")
        else pg.Cubemap(16),
    ],
    ids=["erp", "cassini", "perspective", "cube", "fisheye"],
)
def test_turning_the_viewpoint_is_turning_the_rays(world, camera):
    at = world.viewpoints[0]
    turn = upright(0.7)
    view = render(world, Viewpoint(at.position, at.rotation @ turn), camera)
    same = render(world, at, Turned(camera, turn))
    kept = np.isclose(view.distance, same.distance, rtol=1e-5)
    # Rounding of the rays may move an outline by a pixel.
    assert kept.mean() > 0.999
    normal = np.sum((view.normal @ turn.T) * same.normal, axis=-1)
    assert (normal[kept & ~view.sky & (view.instance == same.instance)] > 0.999).mean() > 0.999


def test_pixels_without_a_ray_are_empty(world):
    class Holes:
        def rays(self, *, dtype):
            rays = pg.Equirectangular(32, 64).rays(dtype=dtype).clone()
            rays[:, :10] = float("nan")
            return rays

    view = render(world, world.viewpoints[0], Holes())
    whole = render(world, world.viewpoints[0], pg.Equirectangular(32, 64))
    assert (view.distance[:, :10] == 0).all()
    assert not view.sky[:, :10].any()
    assert not view.edge[:, :10].any()
    assert (view.rgb[:, :10] == 0).all()
    np.testing.assert_array_equal(view.distance[:, 10:], whole.distance[:, 10:])


def test_labels_do_not_depend_on_the_appearance(world, small_erp):
    clean = render(world, world.viewpoints[1], small_erp, CLEAN)
    real = render(world, world.viewpoints[1], small_erp, CAMERA, seed=4)
    other = render(world, world.viewpoints[1], small_erp, CAMERA, seed=5)
    for name in ("distance", "normal", "instance", "sky", "edge"):
        np.testing.assert_array_equal(getattr(clean, name), getattr(real, name))
    assert (clean.rgb != real.rgb).mean() > 0.5
    assert (other.rgb != real.rgb).mean() > 0.5


def test_seam_is_continuous(world, small_erp):
    """The same place rolled by half a turn shows what the seam cut."""
    at = world.viewpoints[2]
    view = render(world, at, small_erp)
    back = render(world, Viewpoint(at.position, at.rotation @ upright(np.pi)), small_erp)
    kept = np.isclose(np.roll(view.distance, 64, axis=1), back.distance, rtol=1e-5)
    assert kept.mean() > 0.998
    assert (np.roll(view.edge, 64, axis=1) == back.edge).mean() > 0.995


def test_bad_rays_are_named(world):
    class Flat:
        def rays(self, *, dtype):
            return torch.zeros(5, 3, dtype=dtype)

    with pytest.raises(ValueError, match=r"\(5, 3\)"):
        render(world, world.viewpoints[0], Flat())


def bytes_of_worlds() -> str:
    digests = []
    for kind in KINDS:
        world = make_world(kind, 11)
        views = (
            render(world, v, pg.Equirectangular(48, 96), CAMERA, seed=2)
            for v in world.viewpoints[:2]
        )
        digests += [digest(view) for view in views]
    return " ".join(digests)


def test_same_bytes_in_another_process_with_other_threads_and_hashes():
    module = "tests.worlds.rendering.test_render"
    script = f"from {module} import bytes_of_worlds; print(bytes_of_worlds())"
    env = {**os.environ, "OMP_NUM_THREADS": "4", "PYTHONHASHSEED": "77"}
    root = Path(__file__).parents[3]
    other = subprocess.run(
        [sys.executable, "-c", script],
        env=env,
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == bytes_of_worlds()


def test_other_seeds_are_other_worlds(small_erp):
    worlds = [make_world("indoor", seed) for seed in (5, 5, 6)]
    a, b, c = (digest(render(w, w.viewpoints[0], small_erp)) for w in worlds)
    assert a == b
    assert a != c


PANORAMA = pg.Equirectangular(128, 256)


def test_edges_surround_a_sphere_before_a_wall(world_of):
    def add(b):
        box(b, (-6, -6, -6), (6, 6, 6), GREY)
        sphere(b, (0, 3, 0), 1.0, GREY)

    world = world_of(add)
    view = render(world, world.viewpoints[0], PANORAMA)
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
    assert not render(world, world.viewpoints[0], PANORAMA).edge.any()


def test_skyline_is_an_edge_on_both_sides(world_of):
    world = world_of(
        lambda b: quad(b, [(-9, -9, -1.5), (9, -9, -1.5), (9, 9, -1.5), (-9, 9, -1.5)], GREY)
    )
    view = render(world, world.viewpoints[0], PANORAMA)
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
    view = render(world, world.viewpoints[0], PANORAMA)
    middle = slice(56, 72)
    assert view.edge[middle, 0].all()
    assert view.edge[middle, -1].all()


def test_pixel_angle_of_an_erp_is_its_row_step():
    angle = pixel_angle(np.asarray(pg.Equirectangular(64, 128).rays(dtype=torch.float64)))
    np.testing.assert_allclose(angle[32], np.pi / 64, rtol=1e-3)
    assert (angle > 0).all()
