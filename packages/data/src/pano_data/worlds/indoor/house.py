"""A house of one furnished room (first version)."""

import numpy as np

from pano_data.worlds.builder import Builder, Frame, to_world
from pano_data.worlds.indoor import furniture
from pano_data.worlds.indoor.style import make_style
from pano_data.worlds.lighting import Lamp, Light
from pano_data.worlds.patterns import Colour
from pano_data.worlds.shapes import quad
from pano_data.worlds.sky import Sky
from pano_data.worlds.world import Viewpoint, World, upright


def make_house(seed: int, rng: np.random.Generator) -> World:
    """Make a furnished room."""
    b, s = Builder(), make_style(rng)
    w, d, h = (float(v) for v in rng.uniform((4.0, 4.0, 2.5), (7.5, 7.0, 3.1)))
    corners = [(-w / 2, -d / 2), (w / 2, -d / 2), (w / 2, d / 2), (-w / 2, d / 2)]
    for label, material, z in (("floor", s.floor, 0.0), ("ceiling", s.ceiling, h)):
        with b.object(label):
            quad(b, [(*c, z) for c in corners], material)
    pieces = [
        furniture.sofa,
        furniture.shelf,
        furniture.television,
        furniture.desk,
        furniture.bed,
        furniture.drawers,
    ]
    order = rng.permutation(len(pieces))
    for k, (p, q) in enumerate(zip(corners, corners[1:] + corners[:1], strict=True)):
        with b.object("wall"):
            quad(b, [(*p, 0), (*q, 0), (*q, h), (*p, h)], s.wall)
        x, y = (p[0] + q[0]) / 2, (p[1] + q[1]) / 2
        yaw = float(np.arctan2(y, x)) - np.pi / 2
        inward = 0.02
        frame = Frame(x * (1 - inward / max(abs(x), 1)), y * (1 - inward / max(abs(y), 1)), 0, yaw)
        with b.object("furniture", frame):
            pieces[order[k]](b, s, rng)
        with b.object("picture", frame.child(0.8, 0.02, 1.7)):
            furniture.picture(b, s, rng)
    with b.object("plant", Frame(w / 2 - 0.45, d / 2 - 0.45)):
        furniture.plant(b, s, rng)
    with b.object("floor lamp", Frame(-w / 2 + 0.35, d / 2 - 0.35)):
        furniture.floor_lamp(b, s, rng)
    with b.object("rug"):
        furniture.rug(b, s, rng, 2.2, 1.6)
    with b.object("lamp", Frame(0, 0, h)):
        furniture.ceiling_lamp(b, s, rng)
    power: Colour = (3.2, 2.9, 2.4)
    lamps = (Lamp((0.0, -(h - 0.75), 0.0), 0.25, power),)
    sky = Sky((0.3, -0.8, 0.52), (0.0, 0.0, 0.0), (0.25, 0.4, 0.75), (0.6, 0.68, 0.8), 0.4, seed)
    spots = [
        (float(x), float(y))
        for x, y in rng.uniform((-0.18 * w, -0.15 * d), (0.18 * w, 0.15 * d), (4, 2))
    ]
    views = tuple(
        Viewpoint(
            to_world(np.array([x, y, float(rng.uniform(1.3, 1.7))])),
            upright(float(rng.uniform(-np.pi, np.pi))),
        )
        for x, y in spots
    )
    return World("indoor", seed, b.finish(), Light(lamps, sky, (0.42, 0.40, 0.37), 1.6), views)
