import numpy as np
import pytest

import pano_geometry as pg
from pano_data.errors import DataError
from pano_data.masks import RuleMasker
from pano_data.masks.rules import find_sky, find_tripod, find_watermark
from pano_worlds import CAMERA, make_world, render


@pytest.fixture(scope="module", params=["indoor", "outdoor"])
def view(request):
    world = make_world(request.param, 500)
    camera = pg.Equirectangular(128, 256)
    return request.param, render(world, world.viewpoints[0], camera, CAMERA, seed=0)


def test_worlds_like_a_camera_sees_them(view):
    kind, seen = view
    picture = seen.rgb.astype(np.float32) / 255
    found = find_sky(picture)
    if kind == "outdoor":
        assert (found & seen.sky).sum() > 0.95 * seen.sky.sum()
        assert (found & ~seen.sky).mean() < 0.02
    else:
        assert not found.any()  # a ceiling is no sky
    assert seen.artefact.mean() > 0.05
    below = find_tripod(picture)
    assert (below & seen.artefact).sum() > 0.9 * seen.artefact.sum()
    assert (below & ~seen.artefact).mean() < 0.01


def gradient(height=64):
    """Ground and wall of a picture without sky: dark below, brighter above."""
    rows = np.linspace(0.75, 0.3, height)[:, None, None]
    return (rows * np.array([1.0, 0.9, 0.7]) * np.ones((1, 2 * height, 1))).astype(np.float32)


def test_nothing_in_a_plain_picture():
    assert RuleMasker()((gradient() * 255).astype(np.uint8)).all()


def test_the_sky_is_one_over_the_seam_and_turns_with_the_picture():
    picture = gradient()
    picture[:30] = (0.4, 0.6, 0.9)
    picture[:, 40:60] = (0.5, 0.4, 0.3)  # a tower that reaches the zenith
    found = find_sky(picture)
    assert found[:29, :39].all()
    assert not found[32:].any()
    assert not found[:, 41:59].any()
    np.testing.assert_array_equal(find_sky(np.roll(picture, 64, 1)), np.roll(found, 64, 1))


def test_a_disc_around_the_nadir_and_no_plain_floor():
    picture = gradient()
    assert not find_tripod(picture).any()
    picture[-6:] = 0.8
    found = find_tripod(picture)
    assert found[-5:].all()
    assert found.mean() < 0.15


def test_a_row_of_strokes_is_boxed_and_a_white_table_is_not():
    picture = gradient(128)
    picture[80:84, 100:124:2] = 1.0
    found = find_watermark(picture)
    assert found[80:84, 100:122].all()
    assert found.mean() < 0.01
    table = gradient(128)
    table[80:84, 100:124] = 1.0
    assert not find_watermark(table).any()


def test_parts_can_be_left_out():
    picture = gradient()
    picture[:30] = (0.4, 0.6, 0.9)
    rgb = (picture * 255).astype(np.uint8)
    assert not RuleMasker()(rgb).all()
    assert RuleMasker(sky=False)(rgb).all()


def test_raises():
    with pytest.raises(DataError, match="expected a panorama"):
        RuleMasker()(np.zeros((64, 64, 3), np.uint8))
