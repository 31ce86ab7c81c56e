"""Districts: how densely a city, a suburb or a village is built up, and its roads."""

from dataclasses import dataclass

import numpy as np

from pano_worlds.surfaces.builder import Builder, box, rectangle
from pano_worlds.surfaces.materials import Ground, Material, Plain, Stripes, Tiles
from pano_worlds.vectors import Random


@dataclass(frozen=True)
class District:
    """How a place is built up.

    Attributes:
        half: Range of half the carriageway's width, metres.
        pavement: Range of the pavement's width, metres.
        floors: Range of storeys.
        width: Range of the buildings' width, metres.
        setback: Range of the front gardens' depth, metres.
        gap: Range of the space between buildings, metres.
        joined: Probability that two buildings touch.
        pitched: Probability of a gable roof.
        shops: Probability of a shop.
        trees: Mean distance of the street trees, metres.
        cars: Mean distance of parked cars, metres.
        people: Mean number of people.
        end: Where the built-up part ends, metres from the middle.
        hills: Range of the height of the hills, metres.
    """

    half: tuple[float, float]
    pavement: tuple[float, float]
    floors: tuple[int, int]
    width: tuple[float, float]
    setback: tuple[float, float]
    gap: tuple[float, float]
    joined: float
    pitched: float
    shops: float
    trees: float
    cars: float
    people: float
    end: float
    hills: tuple[float, float]


CITY = District(
    half=(3.5, 7.5),
    pavement=(2.0, 4.5),
    floors=(3, 9),
    width=(9, 22),
    setback=(0, 0.01),
    gap=(2, 9),
    joined=0.75,
    pitched=0.25,
    shops=0.6,
    trees=14,
    cars=11,
    people=12,
    end=150,
    hills=(15, 80),
)
SUBURB = District(
    half=(2.8, 4.0),
    pavement=(1.2, 2.2),
    floors=(1, 3),
    width=(8, 14),
    setback=(3, 8),
    gap=(4, 12),
    joined=0.0,
    pitched=0.9,
    shops=0.05,
    trees=12,
    cars=18,
    people=4,
    end=120,
    hills=(30, 130),
)
VILLAGE = District(
    half=(2.4, 3.2),
    pavement=(0.0, 0.01),
    floors=(1, 2),
    width=(7, 12),
    setback=(2, 14),
    gap=(10, 45),
    joined=0.1,
    pitched=1.0,
    shops=0.0,
    trees=22,
    cars=60,
    people=2,
    end=90,
    hills=(60, 200),
)

_PAINT = Material(Plain((0.72, 0.72, 0.69), 0.08, 0.4, 8))
KERB = 0.13


@dataclass(frozen=True)
class Roads:
    """Layout of the streets.

    Attributes:
        half: Half width of the carriageway, metres.
        pavement: Width of each pavement, 0 for none, metres.
        cross: Where along y the cross street is.
        end: How far the streets go from the origin, metres.
    """

    half: float
    pavement: float
    cross: float
    end: float

    @property
    def edge(self) -> float:
        """Distance of the plots from the middle of the street, metres."""
        return self.half + self.pavement

    def blocks(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the two stretches of y beside the cross street."""
        return (-self.end, self.cross - self.edge), (self.cross + self.edge, self.end)


def build_roads(b: Builder, r: Roads, rng: Random, paving: float = 1.0) -> None:
    """Add the streets; `paving` is a factor on the reflectance of the carriageway."""
    grey = paving * float(rng.uniform(0.07, 0.16))
    asphalt = Material(
        Ground(
            (grey, grey, grey),
            (1.3 * grey, 1.3 * grey, 1.28 * grey),
            2.5,
            0.02,
            0.3,
            int(rng.integers(1 << 20)),
        )
    )
    stone = Tiles(
        (0.40, 0.38, 0.35),
        (0.2, 0.2, 0.19),
        (0.5, 0.5),
        0.012,
        0.12,
        0.5,
        None,
        int(rng.integers(1 << 20)),
    )
    with b.object("road"):
        rectangle(b, (-r.half, -r.end, 0.0), (r.half, r.end, 0.0), asphalt)
        for x0, x1 in ((-r.end, -r.half), (r.half, r.end)):
            rectangle(b, (x0, r.cross - r.half, 0.0), (x1, r.cross + r.half, 0.0), asphalt)
        _markings(b, r)
    if r.pavement > 0:
        with b.object("pavement"):
            _pavements(b, r, Material(stone))


def _pavements(b: Builder, r: Roads, stone: Material) -> None:
    for side in (-1, 1):
        x0, x1 = sorted((side * r.half, side * r.edge))
        for y0, y1 in ((-r.end, r.cross - r.half), (r.cross + r.half, r.end)):
            box(b, (x0, y0, -0.2), (x1, y1, KERB), stone)
        x2, x3 = sorted((side * r.edge, side * r.end))
        for y0, y1 in ((r.cross - r.edge, r.cross - r.half), (r.cross + r.half, r.cross + r.edge)):
            box(b, (x2, y0, -0.2), (x3, y1, KERB), stone)


def _markings(b: Builder, r: Roads) -> None:
    z = 0.008
    dashes = [y for y in np.arange(-r.end, r.end - 3, 8.0) if abs(y + 1.5 - r.cross) > r.edge + 7]
    for y in dashes:
        rectangle(b, (-0.07, float(y), z), (0.07, float(y) + 3.0, z), _PAINT)
    zebra = Material(Stripes((0.72, 0.72, 0.69), (0.10, 0.10, 0.10), 1.0, 0.5))
    for y in (r.cross - r.edge - 3.0, r.cross + r.edge):
        rectangle(b, (-r.half + 0.3, y, z), (r.half - 0.3, y + 3.0, z), zebra)
        stop = y - 1.0 if y < r.cross else y + 4.0
        rectangle(b, (-r.half + 0.3, stop, z), (r.half - 0.3, stop + 0.35, z), _PAINT)
