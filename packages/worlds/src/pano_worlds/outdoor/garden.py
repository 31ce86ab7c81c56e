"""What is seen through the windows of a house."""

import numpy as np

from pano_worlds.builder import Builder, Frame
from pano_worlds.materials import Material
from pano_worlds.outdoor.vegetation import bush, tree
from pano_worlds.patterns import Ground
from pano_worlds.shapes import quad


def build_garden(b: Builder, rng: np.random.Generator) -> None:
    """Add lawn, trees and bushes around a house at the origin."""
    lawn = Material(
        Ground((0.07, 0.13, 0.03), (0.16, 0.17, 0.06), 4.0, 0.06, 0.4, int(rng.integers(1 << 20)))
    )
    with b.object("terrain"):
        quad(b, [(-300, -300, -0.3), (300, -300, -0.3), (300, 300, -0.3), (-300, 300, -0.3)], lawn)
    for k in range(14):
        angle, reach = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(12, 40))
        frame = Frame(reach * float(np.cos(angle)), reach * float(np.sin(angle)), -0.3)
        plant = bush if k % 3 == 0 else tree
        with b.object(plant.__name__, frame):
            plant(b, rng, 600)
