import numpy as np

import pano_geometry as pg
from pano_worlds import Viewpoint, World, render
from pano_worlds.surfaces.builder import Builder, box, quad
from pano_worlds.surfaces.materials import Material, Plain
from pano_worlds.world import upright
from tests.worlds.conftest import GREY, NIGHT

CAMERA = pg.Equirectangular(64, 128)
RED = Material(Plain((0.8, 0.02, 0.02), 0.0))
SILVER = Material(Plain((0.3, 0.3, 0.3), 0.0), mirror=0.9)
PANE = Material(Plain((0.3, 0.3, 0.3), 0.0), mirror=0.2)


def room(glass: Material):
    """A grey room with a sheet ahead of the camera and a red wall behind it."""
    b = Builder()
    with b.object("room"):
        box(b, (-3, -3, -1.5), (3, 3, 1.5), GREY)
    with b.object("red"):
        quad(b, [(-3, -2.9, -1.5), (3, -2.9, -1.5), (3, -2.9, 1.5), (-3, -2.9, 1.5)], RED)
    with b.object("sheet"):
        quad(b, [(-1, 2, -1), (1, 2, -1), (1, 2, 1), (-1, 2, 1)], glass)
    view = Viewpoint(np.zeros(3), upright(0.0))
    return render(World("indoor", 0, b.finish(), NIGHT, (view,)), view, CAMERA)


def redness(view) -> float:
    sheet = view.instance == 3
    red, green, _ = view.rgb[sheet].astype(float).mean(0)
    return float(red / green)


def test_a_mirror_shows_what_is_behind_the_camera_and_a_pane_a_little_of_it():
    plain, pane, mirror = (redness(room(m)) for m in (GREY, PANE, SILVER))
    # The red wall tints the light of the whole room a little.
    assert plain < 1.15
    assert 1.02 * plain < pane < 0.9 * mirror
    assert mirror > 1.4


def test_labels_are_those_of_the_mirror_itself():
    plain, mirror = room(GREY), room(SILVER)
    for name in ("distance", "normal", "instance", "sky", "edge"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(mirror, name))
    assert mirror.distance[32, 64] == np.float32(plain.distance[32, 64])
    assert abs(mirror.distance[31:33, 63:65].mean() - 2.0) < 0.01
