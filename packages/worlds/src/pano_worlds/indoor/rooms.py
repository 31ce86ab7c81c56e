"""Rooms of a house: what each is used for, its walls, and the light of the house."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pano_worlds.indoor import fixtures, furniture
from pano_worlds.indoor.floor_plan import FloorPlan, WallRun
from pano_worlds.indoor.large_rooms import column_places, lamp_places
from pano_worlds.indoor.style import Piece, Style
from pano_worlds.surfaces.materials import Rgb
from pano_worlds.vectors import Random
from pano_worlds.world_style import Range, WorldStyle

# Dark houses have this share of the lamps' and of the reflected light.
_DIM = 0.4
# Reflected light takes over this share of the lamps' colour.
_REFLECTED = 0.6


@dataclass(frozen=True)
class HouseLight:
    """How a house is lit.

    Attributes:
        lit: Whether the lamps are on.
        lamps: Range of a lamp's brightness.
        tint: Blue over red of the lamps.
        level: Strength of the reflected light.
        ceiling: Further light that comes from below, as a share of the reflected light.
    """

    lit: bool
    lamps: Range
    tint: float
    level: float
    ceiling: float

    def power(self, rng: Random) -> Rgb:
        """Draw the linear RGB of a room's lamps."""
        return tinted(float(rng.uniform(*self.lamps)), self.tint * float(rng.uniform(0.93, 1.07)))

    @property
    def ambient(self) -> Rgb:
        """Linear radiance of the reflected light."""
        return tinted(0.4 * self.level, self.tint**_REFLECTED)


def tinted(strength: float, ratio: float) -> Rgb:
    """Return light whose blue is `ratio` times its red; the largest channel has `strength`."""
    rgb = (ratio**-0.5, ratio**-0.1, ratio**0.5)
    r, g, b = (strength * v / max(rgb) for v in rgb)
    return (r, g, b)


def draw_house_light(style: WorldStyle, dark: bool, rng: Random) -> HouseLight:
    """Draw the light of a house."""
    dim = _DIM if dark else 1.0
    lit = bool(rng.random() < style.lit)
    return HouseLight(
        lit,
        (dim * style.lamps[0], dim * style.lamps[1]),
        float(rng.uniform(*style.tint)),
        dim * float(rng.uniform(*style.level)),
        # Without lamps the floor is lit by daylight alone.
        float(rng.uniform(*style.ceiling)) * (1.0 if lit else 0.5),
    )


@dataclass(frozen=True)
class RoomUse:
    """A kind of room.

    Attributes:
        label: Its name.
        smallest: Smallest area, square metres.
        largest: Largest area, square metres.
        by_wall: Pieces that stand with their back to a wall, the most important first.
        free: Pieces that stand in the open.
        tiled: Whether floor and walls are tiled.
    """

    label: str
    smallest: float
    largest: float
    by_wall: tuple[Piece, ...]
    free: tuple[Piece, ...]
    tiled: bool = False


ROOM_USES = (
    RoomUse(
        "living room",
        11.0,
        99.0,
        (
            furniture.sofa,
            furniture.television,
            furniture.shelf,
            furniture.armchair,
            furniture.drawers,
            furniture.armchair,
        ),
        (furniture.coffee_table, fixtures.plant, fixtures.floor_lamp),
    ),
    RoomUse(
        "bedroom",
        7.0,
        28.0,
        (furniture.bed, furniture.wardrobe, furniture.drawers, furniture.armchair, furniture.shelf),
        (fixtures.floor_lamp, fixtures.plant),
    ),
    RoomUse(
        "kitchen",
        6.0,
        40.0,
        (fixtures.kitchen, fixtures.fridge, furniture.shelf),
        (furniture.dining, fixtures.plant),
        tiled=True,
    ),
    RoomUse(
        "study",
        6.0,
        30.0,
        (furniture.desk, furniture.shelf, furniture.shelf, furniture.armchair, furniture.drawers),
        (fixtures.plant, fixtures.floor_lamp),
    ),
    RoomUse(
        "dining room",
        9.0,
        50.0,
        (furniture.drawers, furniture.shelf),
        (furniture.dining, fixtures.plant),
    ),
    RoomUse(
        "bathroom",
        0.0,
        11.0,
        (fixtures.bath, fixtures.basin, fixtures.toilet),
        (),
        tiled=True,
    ),
    RoomUse("hall", 0.0, 12.0, (furniture.drawers, furniture.wardrobe), (fixtures.plant,)),
    RoomUse(
        "lobby",
        99.0,
        math.inf,
        (
            furniture.sofa,
            furniture.desk,
            furniture.shelf,
            furniture.armchair,
            furniture.sofa,
            furniture.drawers,
            furniture.armchair,
            furniture.shelf,
        ),
        (furniture.coffee_table, furniture.dining, fixtures.plant),
    ),
)


def choose_uses(plan: FloorPlan, rng: Random) -> list[RoomUse]:
    """Choose a use for every room, each as rare as possible."""
    uses: list[RoomUse] = []
    for number in range(1, len(plan.rooms) + 1):
        area = plan.area(number)
        fitting = [u for u in ROOM_USES if u.smallest <= area <= u.largest]
        least = min(uses.count(u) for u in fitting)
        rare = [u for u in fitting if uses.count(u) == least]
        uses.append(rare[int(rng.integers(len(rare)))])
    return uses


@dataclass(frozen=True)
class UnfurnishedRoom:
    """A room to be furnished.

    Attributes:
        number: In the plan.
        use: What it is used for.
        style: What it is made of.
        sides: Its walls, each with +1 where the room is to its left, else -1.
        centres: Middle of each of its rectangles.
        height: Of its walls, metres.
        area: Square metres.
        lamps: Where lamps hang.
        crown: Height of the ceiling above the lamps, metres.
        columns: Where columns stand in rows.
    """

    number: int
    use: RoomUse
    style: Style
    sides: tuple[tuple[WallRun, float], ...]
    centres: tuple[tuple[float, float], ...]
    height: float
    area: float
    lamps: tuple[tuple[float, float], ...]
    crown: float
    columns: tuple[tuple[float, float], ...]

    @property
    def vaulted(self) -> bool:
        """Whether its ceiling is higher than its walls."""
        return self.crown > self.height


def room_of(
    plan: FloorPlan,
    number: int,
    use: RoomUse,
    style: Style,
    height: float,
    seed: int,
    vaults: Mapping[int, float],
) -> UnfurnishedRoom:
    """Collect what furnishing needs to know of a room.

    Args:
        plan: Of the storey.
        number: Of the room.
        use: What the room is used for.
        style: What it is made of.
        height: Of the walls, metres.
        seed: Of the house.
        vaults: Room number to the radius of its vault.
    """
    sides = [(r, 1.0) for r in plan.runs if r.left == number] + [
        (r, -1.0) for r in plan.runs if r.right == number
    ]
    rects = plan.rooms[number - 1]
    return UnfurnishedRoom(
        number=number,
        use=use,
        style=style,
        sides=tuple(sides),
        centres=tuple(r.centre for r in rects),
        height=height,
        area=plan.area(number),
        lamps=lamp_places(seed, number, rects, number in vaults),
        crown=height + vaults.get(number, 0.0),
        columns=() if number in vaults else column_places(seed, number, rects),
    )
