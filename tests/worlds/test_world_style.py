"""Styles differ in what a network could learn from, and a narrow one is narrow."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds import NARROW, STYLES, WIDE, make_world, render, style_of
from pano_worlds.indoor.style import PALETTES

CAMERA = pg.Equirectangular(16, 32)
SEEDS = range(10)


def means(style) -> np.ndarray:
    """Mean colour of one picture per world, `(n, 3)`."""
    worlds = (make_world("indoor", seed, style) for seed in SEEDS)
    return np.array([render(w, w.viewpoints[0], CAMERA).rgb.mean((0, 1)) for w in worlds])


@pytest.fixture(scope="module")
def colours():
    return {name: means(STYLES[name]) for name in ("wide", "narrow", "offices", "evening")}


def test_pictures_of_a_narrow_style_are_alike(colours):
    spread = {name: values.std(0).mean() for name, values in colours.items()}
    assert spread["narrow"] < 0.65 * spread["wide"]


def test_light_has_the_colour_of_the_style(colours):
    blue_over_red = {name: np.median(v[:, 2] / v[:, 0]) for name, v in colours.items()}
    assert blue_over_red["narrow"] < 0.92 < blue_over_red["offices"]


def test_evenings_are_darker_than_offices(colours):
    assert np.median(colours["evening"]) < 0.85 * np.median(colours["offices"])


def test_wide_holds_blue_rooms_and_narrow_none():
    def blue(style) -> int:
        worlds = [make_world("indoor", seed, style) for seed in range(30)]
        walls = [m.pattern.mean for w in worlds for m in w.surfaces.materials]
        return sum(colorsys.rgb_to_hsv(*c)[1] > 0.3 and c[2] > 1.35 * c[0] for c in walls)

    assert blue(WIDE) > 3 * blue(NARROW)


def test_bare_houses_are_bare():
    def pieces(name) -> float:
        worlds = [make_world("indoor", seed, style_of(name)) for seed in SEEDS]
        things = {"sofa", "bed", "wardrobe", "drawers", "desk", "shelf", "armchair", "dining"}
        return float(np.mean([sum(label in things for label in w.surfaces.labels) for w in worlds]))

    assert pieces("bare") < 0.3 * pieces("narrow")


def test_narrow_measures_stay_in_their_range():
    for seed in SEEDS:
        world = make_world("indoor", seed, NARROW)
        floor = world.surfaces.labels.index("floor") + 1
        top = world.surfaces.labels.index("ceiling") + 1
        heights = [
            world.surfaces.triangles[world.surfaces.instance == number][..., 1].mean()
            for number in (floor, top)
        ]
        assert NARROW.height[0] - 1e-9 <= heights[0] - heights[1] <= NARROW.height[1] + 1e-9
        assert world.light.lamps


@pytest.mark.parametrize("kind", ["indoor", "outdoor"])
def test_a_style_and_a_seed_are_one_world(kind):
    first, again = (make_world(kind, 5, NARROW) for _ in range(2))
    np.testing.assert_array_equal(first.surfaces.vertices, again.surfaces.vertices)
    pairs = [[make_world(kind, seed, style) for style in (NARROW, WIDE)] for seed in range(3)]
    assert any(a.surfaces.vertices.shape != b.surfaces.vertices.shape for a, b in pairs)


def test_narrow_streets_are_suburbs_without_parks():
    labels = [set(make_world("outdoor", seed, NARROW).surfaces.labels) for seed in range(6)]
    assert all("building" in found and "path" not in found for found in labels)


def test_overcast_streets_lie_under_closed_skies_on_paler_ground():
    """The same streets as without it: paving draws from random numbers of its own."""
    factors = []
    for seed in range(8):
        world = make_world("outdoor", seed, STYLES["overcast"])
        assert world.light.sky.sunlight == (0.0, 0.0, 0.0)
        labels = np.array(["", *world.surfaces.labels])[world.surfaces.instance]
        if "road" not in labels:
            continue  # a park
        plain = make_world("outdoor", seed, replace(STYLES["overcast"], paving=(1.0, 1.0)))
        np.testing.assert_array_equal(world.surfaces.vertices, plain.surfaces.vertices)
        road = labels == "road"
        np.testing.assert_array_equal(world.colours[~road], plain.colours[~road])
        ratio = world.colours[road] / plain.colours[road]  # 1 on the white of the markings
        factors.append(float(ratio.max()))
    assert len(factors) > 3
    assert 1.0 <= min(factors) < 2.0 < max(factors) <= 4.0


def test_halls_are_higher_than_houses():
    def ceiling(name: str) -> float:
        worlds = [make_world("indoor", seed, style_of(name)) for seed in SEEDS]
        return float(np.median([render(w, w.viewpoints[0], CAMERA).distance[0] for w in worlds]))

    assert ceiling("halls") > 2.0 * ceiling("wide")


def test_palettes_are_named_and_an_unknown_style_is_told():
    assert all(set(style.palettes) <= set(PALETTES) for style in STYLES.values())
    with pytest.raises(ValueError, match=r"got style 'baroque', expected one of \['bare'"):
        style_of("baroque")


def test_ceilings_are_about_as_bright_as_walls():
    """Photographs show them brighter as often as darker; the worlds once had them dark grey."""
    ratios = []
    for seed in range(12):
        world = make_world("indoor", seed, NARROW)
        view = render(world, world.viewpoints[0], pg.Equirectangular(32, 64))
        label = np.array(["", *world.surfaces.labels])[view.instance]
        grey = view.rgb.mean(-1)
        ratios.append(np.median(grey[label == "ceiling"]) / np.median(grey[label == "wall"]))
    assert 0.97 < np.median(ratios) < 1.35
