"""Vaults are exact and closed, lamps hang in bays, and small rooms are as they were."""

from dataclasses import replace

import numpy as np
import pytest

import pano_geometry as pg
from pano_worlds import STYLES, WIDE, make_world, render
from pano_worlds.indoor.floor_plan import Rect, make_plan
from pano_worlds.indoor.large_rooms import build_vault, column_places, lamp_places
from pano_worlds.indoor.style import CLASSIC, make_style
from tests.worlds.conftest import rays64

CAMERA = pg.Equirectangular(64, 128)
LONG, WIDE_ROOM = Rect(-2.0, -6.0, 2.0, 6.0), Rect(-6.0, -2.0, 6.0, 2.0)


@pytest.mark.parametrize(("room", "across"), [(LONG, 0), (WIDE_ROOM, 2)])
def test_a_vault_is_a_half_cylinder_with_closed_ends(world_of, room, across) -> None:
    """Of radius 2 around a line one metre above the camera; the end walls are 6 m away."""
    style = make_style(np.random.default_rng(0), CLASSIC)
    world = world_of(lambda b: build_vault(b, room, 1.0, style))
    view = render(world, world.viewpoints[0], CAMERA)
    points = rays64(CAMERA) * view.distance[..., None]
    label = np.array(["", *world.surfaces.labels])[view.instance]
    up = points[label == "ceiling"]
    np.testing.assert_allclose(np.hypot(up[:, across], up[:, 1] + 1.0), 2.0, atol=1e-6)
    ends = points[label == "wall"]
    np.testing.assert_allclose(np.abs(ends[:, 2 - across]), 6.0, atol=1e-6)
    # No ray that leaves above the spring of the vault, by its own distance, finds a gap.
    rays = rays64(CAMERA)
    reach = np.minimum(
        2.0 / np.maximum(np.abs(rays[..., across]), 1e-9),
        6.0 / np.maximum(np.abs(rays[..., 2 - across]), 1e-9),
    )
    above = -rays[..., 1] * reach > 1.0 + 1e-6
    assert above.sum() > 500
    assert (view.distance[above] > 0).all()
    assert not view.sky[above].any()


def test_vaulted_houses_are_higher_than_their_walls() -> None:
    style = replace(STYLES["vaults"], empty=1.0, height=(2.5, 2.5))
    highest = []
    for seed in range(8):
        for name, share in (("flat", 0.0), ("vaulted", 1.0)):
            world = make_world("indoor", seed, replace(style, vaults=share))
            y = world.surfaces.triangles[..., 1]
            number = [i + 1 for i, text in enumerate(world.surfaces.labels) if text == "ceiling"]
            top = -y[np.isin(world.surfaces.instance, number)].min()
            if name == "flat":
                assert top == pytest.approx(2.5)
            else:
                highest.append(top)
    assert min(highest) > 2.5 + 1.0


def test_lobbies_are_wide_and_most_others_are_not() -> None:
    def widest(name: str) -> float:
        plans = [
            make_plan(
                np.random.default_rng(seed), STYLES[name].width, STYLES[name].depth,
                STYLES[name].undivided,
            )
            for seed in range(12)
        ]  # fmt: skip
        return float(np.median([max(r.area for room in p.rooms for r in room) for p in plans]))

    assert widest("lobbies") > 120.0
    assert widest("vaults") > 45.0
    assert widest("halls") < 24.0


def test_small_rooms_have_one_lamp_each_and_large_ones_have_bays() -> None:
    small = (Rect(0.0, 0.0, 4.0, 5.0), Rect(4.0, 0.0, 8.0, 3.0))
    assert lamp_places(3, 1, small, vaulted=False) == tuple(r.centre for r in small)
    assert column_places(3, 1, small) == ()
    counts = []
    for seed in range(20):
        lamps = np.array(lamp_places(seed, 1, (Rect(0.0, 0.0, 24.0, 18.0),), vaulted=False))
        counts.append(len(lamps))
        assert (lamps > 0).all()
        assert (lamps < (24.0, 18.0)).all()
        row = np.array(lamp_places(seed, 1, (Rect(0.0, 0.0, 6.0, 30.0),), vaulted=True))
        assert len(row) >= 4
        np.testing.assert_array_equal(row[:, 0], 3.0)
    assert 6 <= min(counts) <= max(counts) <= 12


def test_columns_stand_in_about_half_of_the_large_rooms() -> None:
    found = [column_places(seed, 1, (Rect(0.0, 0.0, 20.0, 15.0),)) for seed in range(60)]
    assert 20 <= sum(bool(places) for places in found) <= 40


def test_large_rooms_leave_other_houses_alone() -> None:
    """A style without them makes the same house, whatever it says of rooms that it has not."""
    for seed in range(4):
        world, same = (
            make_world("indoor", seed, style) for style in (WIDE, replace(WIDE, vaults=1e-12))
        )
        np.testing.assert_array_equal(world.surfaces.vertices, same.surfaces.vertices)
        assert world.light.lamps == same.light.lamps
