import numpy as np
import pytest
import torch

import pano_geometry as pg
from pano_worlds.light.atmosphere import Sky
from pano_worlds.light.lighting import Light
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Material, Plain
from pano_worlds.world import Viewpoint, World, upright

GREY = Material(Plain((0.5, 0.5, 0.5)))
NIGHT = Light(
    (), Sky((0.0, -1.0, 0.0), (0.0,) * 3, (0.2,) * 3, (0.3,) * 3, 0.0, 0), (0.3,) * 3, 2.0
)


@pytest.fixture(scope="session")
def small_erp():
    return pg.Equirectangular(64, 128)


@pytest.fixture
def world_of():
    """Makes a world from one function that adds shapes, seen from the origin."""

    def make(add):
        builder = Builder()
        with builder.object("thing"):
            add(builder)
        view = Viewpoint(np.zeros(3), upright(0.0))
        return World("indoor", 0, builder.finish(), NIGHT, (view,))

    return make


def rays64(camera) -> np.ndarray:
    return np.asarray(camera.rays(dtype=torch.float64))
