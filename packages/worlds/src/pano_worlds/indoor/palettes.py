"""Families of colours that rooms are painted and furnished in; linear RGB."""

from dataclasses import dataclass

from pano_worlds.surfaces.materials import Colour

Grain = tuple[Colour, Colour]

_OAK: Grain = ((0.58, 0.43, 0.27), (0.40, 0.26, 0.14))
_TEAK: Grain = ((0.45, 0.29, 0.15), (0.27, 0.15, 0.07))
_WENGE: Grain = ((0.20, 0.11, 0.06), (0.10, 0.05, 0.03))
_ASH: Grain = ((0.62, 0.54, 0.43), (0.46, 0.37, 0.27))
_WHITED: Grain = ((0.74, 0.73, 0.70), (0.62, 0.61, 0.58))
_STONES: tuple[Colour, ...] = ((0.55, 0.52, 0.47), (0.34, 0.33, 0.32), (0.68, 0.64, 0.58))


@dataclass(frozen=True)
class Palette:
    """Colours of one room.

    Attributes:
        paints: Of the walls.
        woods: Light and dark of floors and furniture.
        cloths: Of upholstery, curtains and carpets.
        stones: Of tiles and stone floors.
        papered: Share of the walls with striped paper.
        brick: Share of the walls of bare brick.
        carpet: Share of the floors with carpet.
    """

    paints: tuple[Colour, ...]
    woods: tuple[Grain, ...] = (_TEAK, _OAK, _WENGE, _ASH)
    cloths: tuple[Colour, ...] = (
        (0.10, 0.16, 0.28),
        (0.36, 0.12, 0.09),
        (0.32, 0.31, 0.29),
        (0.12, 0.24, 0.17),
        (0.52, 0.44, 0.33),
        (0.50, 0.33, 0.10),
        (0.07, 0.07, 0.08),
        (0.28, 0.16, 0.24),
    )
    stones: tuple[Colour, ...] = _STONES
    papered: float = 0.15
    brick: float = 0.10
    carpet: float = 0.12


CLASSIC = Palette(
    (
        (0.80, 0.78, 0.73),
        (0.72, 0.70, 0.66),
        (0.62, 0.68, 0.70),
        (0.70, 0.66, 0.52),
        (0.50, 0.58, 0.50),
        (0.66, 0.52, 0.47),
        (0.38, 0.44, 0.52),
    )
)
CREAM = Palette(
    ((0.78, 0.74, 0.66), (0.74, 0.70, 0.61)),
    woods=(_OAK, _TEAK),
    cloths=((0.52, 0.44, 0.33), (0.32, 0.31, 0.29), (0.36, 0.22, 0.13)),
    stones=((0.55, 0.52, 0.47),),
    papered=0.0,
    brick=0.0,
    carpet=0.0,
)
PALE = Palette(
    ((0.86, 0.86, 0.85), (0.80, 0.80, 0.80), (0.84, 0.82, 0.78)),
    woods=(_WHITED, _ASH, _WENGE),
    cloths=((0.55, 0.55, 0.55), (0.30, 0.31, 0.33), (0.06, 0.06, 0.07), (0.62, 0.60, 0.55)),
    stones=((0.68, 0.68, 0.67), (0.30, 0.31, 0.32)),
    papered=0.05,
    brick=0.03,
)
BLUE = Palette(
    (
        (0.72, 0.78, 0.86),
        (0.66, 0.74, 0.86),
        (0.52, 0.66, 0.82),
        (0.36, 0.52, 0.76),
        (0.20, 0.32, 0.58),
        (0.45, 0.66, 0.76),
    ),
    woods=(_WHITED, _ASH, _OAK),
    cloths=((0.14, 0.24, 0.46), (0.55, 0.58, 0.62), (0.10, 0.14, 0.22), (0.58, 0.50, 0.34)),
    stones=((0.60, 0.64, 0.68), (0.42, 0.48, 0.54)),
    brick=0.0,
)
DARK = Palette(
    ((0.10, 0.11, 0.12), (0.06, 0.10, 0.16), (0.06, 0.12, 0.09), (0.15, 0.07, 0.10)),
    woods=(_WENGE, _TEAK),
    stones=((0.18, 0.18, 0.19), (0.28, 0.24, 0.20)),
    carpet=0.25,
)
COLOURFUL = Palette(
    (
        (0.80, 0.62, 0.14),
        (0.74, 0.36, 0.40),
        (0.22, 0.58, 0.52),
        (0.72, 0.34, 0.14),
        (0.46, 0.36, 0.60),
        (0.36, 0.56, 0.20),
        (0.56, 0.12, 0.11),
    ),
    cloths=((0.70, 0.50, 0.06), (0.60, 0.10, 0.12), (0.06, 0.36, 0.40), (0.30, 0.10, 0.36)),
    papered=0.25,
    brick=0.0,
)
OFFICE = Palette(
    ((0.78, 0.78, 0.76), (0.66, 0.66, 0.65), (0.74, 0.72, 0.64), (0.58, 0.62, 0.64)),
    woods=(_ASH, _WHITED, _OAK),
    cloths=((0.10, 0.13, 0.20), (0.16, 0.16, 0.17), (0.24, 0.23, 0.22), (0.07, 0.14, 0.12)),
    papered=0.0,
    brick=0.04,
    carpet=0.6,
)
PALETTES = {
    "classic": CLASSIC,
    "cream": CREAM,
    "pale": PALE,
    "blue": BLUE,
    "dark": DARK,
    "colourful": COLOURFUL,
    "office": OFFICE,
}
