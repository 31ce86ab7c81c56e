"""How densely a place is built up: city, suburb, village."""

from dataclasses import dataclass


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
    (3.5, 7.5),
    (2.0, 4.5),
    (3, 9),
    (9, 22),
    (0, 0.01),
    (2, 9),
    0.75,
    0.25,
    0.6,
    14,
    11,
    12,
    150,
    (15, 80),
)
SUBURB = District(
    (2.8, 4.0),
    (1.2, 2.2),
    (1, 3),
    (8, 14),
    (3, 8),
    (4, 12),
    0.0,
    0.9,
    0.05,
    12,
    18,
    4,
    120,
    (30, 130),
)
VILLAGE = District(
    (2.4, 3.2),
    (0.0, 0.01),
    (1, 2),
    (7, 12),
    (2, 14),
    (10, 45),
    0.1,
    1.0,
    0.0,
    22,
    60,
    2,
    90,
    (60, 200),
)
