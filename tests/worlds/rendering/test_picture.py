from functools import cache

import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds import View, Viewpoint, World, render
from pano_worlds.rendering.picture import reflectance
from pano_worlds.surfaces.builder import Builder, box, quad
from pano_worlds.surfaces.materials import Material, Plain
from pano_worlds.world import upright
from tests.worlds.conftest import GREY, NIGHT

CAMERA = pg.Equirectangular(64, 128)
RED = Material(Plain((0.8, 0.02, 0.02), 0.0))
CLEAR, BLUE = (1.0, 1.0, 1.0), (0.2, 0.3, 0.9)
LABELS = ("distance", "normal", "instance", "sky", "edge")


@cache
def room(tint: tuple[float, float, float] | None, faces: int = 2, panes: int = 1) -> View:
    """A grey room with panes 2 m ahead of the camera, a red wall behind it, a ball behind them."""
    b = Builder()
    with b.object("room"):
        box(b, (-3, -3, -1.5), (3, 3, 1.5), GREY)
    with b.object("red"):
        quad(b, [(-3, -2.9, -1.5), (3, -2.9, -1.5), (3, -2.9, 1.5), (-3, -2.9, 1.5)], RED)
    with b.object("shelf"):
        box(b, (-0.5, 2.4, -0.6), (0.3, 2.7, 0.2), RED)
    for k in range(panes if tint else 0):
        y = 2.0 + 0.1 * k
        b.pane([(-1, y, -1), (1, y, -1), (1, y, 1), (-1, y, 1)], tint, faces)
    view = Viewpoint(np.zeros(3), upright(0.0))
    world = World("indoor", 0, b.finish(), NIGHT, (view,), b.panes)
    return render(world, view, CAMERA)


@pytest.mark.parametrize(("faces", "share"), [(1, 0.04), (2, 0.08 / 1.04), (4, 0.16 / 1.12)])
def test_reflectance_at_right_angles_is_that_of_a_pile_of_plates(faces, share):
    assert reflectance(np.ones(1), np.array([faces]))[0] == pytest.approx(share)


def test_reflectance_grows_to_one_at_grazing_angles():
    cosine = np.linspace(1.0, 0.0, 50)
    share = reflectance(cosine, np.full(50, 2))
    assert (np.diff(share) > 0).all()
    assert share[-1] == pytest.approx(1.0)
    # Tabled Fresnel reflectance of one surface at 60 degrees, index 1.5: 0.089.
    assert reflectance(np.array([0.5]), np.array([1]))[0] == pytest.approx(0.089, abs=0.025)


def test_labels_are_those_of_what_is_behind():
    without, glazed = room(None), room(BLUE)
    for name in LABELS:
        np.testing.assert_array_equal(getattr(without, name), getattr(glazed, name))
    assert not without.pane.any()


def test_the_distance_to_the_pane_is_given_beside_them():
    view = room(CLEAR, 2, 3)
    rays = np.asarray(CAMERA.rays())
    seen = view.pane > 0
    inside = (np.abs(rays[..., :2]).max(-1) < 0.5 * rays[..., 2]) & (rays[..., 2] > 0)
    np.testing.assert_array_equal(seen, inside)
    np.testing.assert_allclose(view.pane[seen] * rays[seen][:, 2], 2.0, rtol=1e-6)
    assert (view.pane[seen] < view.distance[seen]).all()


def test_only_pixels_with_a_pane_change():
    without, glazed = room(None), room(BLUE)
    changed = (without.rgb != glazed.rgb).any(-1)
    seen = glazed.pane > 0
    assert changed[seen].mean() > 0.99
    assert not changed[~seen].any()


def test_a_pane_tints_and_two_tint_twice():
    mean = [
        room(*args).rgb[room(BLUE).pane > 0].astype(float).mean(0)
        for args in ((None,), (BLUE,), (BLUE, 2, 2))
    ]
    blueness = [m[2] / m[0] for m in mean]
    assert 1.3 * blueness[0] < blueness[1] < 0.9 * blueness[2]


def test_a_pane_reflects_the_wall_behind_the_camera_and_double_glazing_more():
    """Where the room ahead is grey, red comes from the reflection alone."""
    wall = (room(None).instance == 1) & (room(CLEAR).pane > 0)
    redness = []
    for args in ((None,), (CLEAR,), (CLEAR, 4)):
        red, green, _ = room(*args).rgb[wall].astype(float).mean(0)
        redness.append(red / green)
    assert redness[0] < redness[1] < redness[2] < 1.2 * redness[0]
