import math

import numpy as np
import torch

import pano_geometry as pg
from pano_data.cassini import cassini_to_erp
from pano_data.decode import Label


def mode_coordinates(height, width):
    """Where MODE samples its Cassini map (x, y in [-1, 1]) for the pixels of a panorama."""
    theta = math.pi - (np.arange(width) + 0.5) * 2 * math.pi / width
    phi = (math.pi / 2 - (np.arange(height) + 0.5) * math.pi / height)[:, None]
    theta_c = np.arctan2(np.tan(phi), np.cos(theta))
    phi_c = np.arcsin(np.cos(phi) * np.sin(theta))
    return -phi_c / (math.pi / 2), -theta_c / math.pi


def test_the_projection_is_that_of_the_data_set():
    """Orientation of both axes, against the formula of the release."""
    x, y = mode_coordinates(32, 64)
    rays = pg.Equirectangular(32, 64).rays(dtype=torch.float64)
    u, v = pg.Cassini(64, 32).project(rays).unbind(-1)
    np.testing.assert_allclose(u.numpy() / 16 - 1, x, atol=1e-9)
    np.testing.assert_allclose(v.numpy() / 32 - 1, y, atol=1e-9)


def test_a_marked_direction_stays_where_it_is():
    height, width = 128, 64
    rgb = np.zeros((height, width, 3), np.uint8)
    ray = torch.tensor([0.6, -0.5, 0.4], dtype=torch.float64)
    u, v = (int(value) for value in pg.Cassini(height, width).project(ray))
    rgb[v - 1 : v + 2, u - 1 : u + 2] = 255
    valid = np.ones((height, width), bool)
    image, _ = cassini_to_erp(rgb, Label(np.ones((height, width), np.float32), valid, ~valid))
    assert image.shape == (64, 128, 3)
    row, column = (int(i) for i in np.unravel_index(image[..., 0].argmax(), image.shape[:2]))
    found = pg.Equirectangular(64, 128).rays(dtype=torch.float64)[row, column]
    assert math.degrees(math.acos(float(found @ ray / ray.norm()))) < 5


def test_masks_and_distances_stay_together():
    rng = np.random.default_rng(0)
    distance = rng.choice(np.array([0, 3, 50], np.float32), (64, 32))
    far = rng.random((64, 32)) < 0.3
    distance[far] = 0
    _, label = cassini_to_erp(np.zeros((64, 32, 3), np.uint8), Label(distance, distance > 0, far))
    assert set(np.unique(label.distance)) == {0, 3, 50}
    np.testing.assert_array_equal(label.valid, label.distance > 0)
    assert not (label.valid & label.far).any()
    assert 0.15 < label.far.mean() < 0.45
