from dataclasses import replace

import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds import CAMERA, CLEAN, UNMARKED, make_world, render
from pano_worlds.light.atmosphere import blend_fog
from pano_worlds.rendering.appearance import in_weather

ERP = pg.Equirectangular(32, 64)
LABELS = ("distance", "normal", "instance", "sky", "edge")


@pytest.fixture(scope="module")
def street():
    return make_world("outdoor", 301)


@pytest.mark.parametrize(
    "appearance",
    [
        CAMERA,
        UNMARKED,
        replace(CLEAN, visibility=80.0),
        replace(CLEAN, rain=1.0),
        replace(CLEAN, snow=1.0),
    ],
    ids=["camera", "unmarked", "fog", "rain", "snow"],
)
def test_the_picture_changes_and_no_bit_of_a_label(street, appearance):
    clean = render(street, street.viewpoints[0], ERP)
    other = render(street, street.viewpoints[0], ERP, appearance, seed=4)
    for name in LABELS:
        np.testing.assert_array_equal(getattr(clean, name), getattr(other, name))
    assert np.abs(clean.rgb.astype(int) - other.rgb).mean() > 1.0


def test_unmarked_pictures_show_no_tripod_and_no_mark(street):
    marked = [render(street, street.viewpoints[0], ERP, CAMERA, seed=s) for s in range(8)]
    plain = [render(street, street.viewpoints[0], ERP, UNMARKED, seed=s) for s in range(8)]
    assert sum(view.artefact.any() for view in marked) >= 4
    assert not any(view.artefact.any() for view in plain)


def test_fog_leaves_five_percent_of_the_contrast_at_its_visibility():
    horizon = np.full(3, 0.7)
    radiance = np.zeros((1, 3, 3), np.float32)
    distance = np.array([[0.0, 100.0, np.inf]])
    seen = blend_fog(radiance, distance, horizon, 100.0)
    np.testing.assert_allclose(seen[0, :, 0], [0.0, 0.95 * 0.7, 0.7], rtol=1e-5)


def test_snow_lies_on_the_ground_and_not_on_walls(street):
    clean = render(street, street.viewpoints[0], ERP)
    snowy = render(street, street.viewpoints[0], ERP, replace(CLEAN, snow=1.0), seed=1)
    # The label's normal is in camera axes of a level camera: y points down.
    level, upright = clean.normal[..., 1] < -0.9, np.abs(clean.normal[..., 1]) < 0.1
    change = (snowy.rgb.astype(int) - clean.rgb).mean(-1)
    assert np.median(change[level]) > 30
    assert np.median(change[upright & ~clean.sky]) < 10


def test_all_three_kinds_of_weather_come():
    drawn = [in_weather(UNMARKED, np.random.default_rng(seed)) for seed in range(20)]
    assert all(one.visibility > 0 for one in drawn)
    assert {(one.rain > 0, one.snow > 0) for one in drawn} == {
        (False, False),
        (True, False),
        (False, True),
    }
