"""Palettes, and the materials of one house or room, drawn so that they go together."""

from collections.abc import Callable
from dataclasses import dataclass

from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import (
    Fabric,
    Ground,
    Marble,
    Material,
    Pattern,
    Plain,
    Rgb,
    Stripes,
    Tiles,
    Wood,
)
from pano_worlds.vectors import Random

Grain = tuple[Rgb, Rgb]

_OAK: Grain = ((0.58, 0.43, 0.27), (0.40, 0.26, 0.14))
_TEAK: Grain = ((0.45, 0.29, 0.15), (0.27, 0.15, 0.07))
_WENGE: Grain = ((0.20, 0.11, 0.06), (0.10, 0.05, 0.03))
_ASH: Grain = ((0.62, 0.54, 0.43), (0.46, 0.37, 0.27))
_WHITED: Grain = ((0.74, 0.73, 0.70), (0.62, 0.61, 0.58))
_STONES: tuple[Rgb, ...] = ((0.55, 0.52, 0.47), (0.34, 0.33, 0.32), (0.68, 0.64, 0.58))


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

    paints: tuple[Rgb, ...]
    woods: tuple[Grain, ...] = (_TEAK, _OAK, _WENGE, _ASH)
    cloths: tuple[Rgb, ...] = (
        (0.10, 0.16, 0.28),
        (0.36, 0.12, 0.09),
        (0.32, 0.31, 0.29),
        (0.12, 0.24, 0.17),
        (0.52, 0.44, 0.33),
        (0.50, 0.33, 0.10),
        (0.07, 0.07, 0.08),
        (0.28, 0.16, 0.24),
    )
    stones: tuple[Rgb, ...] = _STONES
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


@dataclass(frozen=True)
class Style:
    """What a room is made of; `pane` is the tint of its glass, None for open windows."""

    wall: Material
    floor: Material
    ceiling: Material
    wood: Material
    second_wood: Material
    cloth: Material
    second_cloth: Material
    accent: Material
    metal: Material
    dark: Material
    white: Material
    stone: Material
    rug: Material
    leaves: Material
    glow: Material
    glass: Material
    mirror: Material
    pane: Rgb | None = None


Piece = Callable[[Builder, Style, Random], tuple[float, float]]


def pick(rng: Random, choices: tuple[Rgb, ...]) -> Rgb:
    """Choose one colour, slightly varied."""
    c = choices[int(rng.integers(len(choices)))]
    r, g, b = (float(x * f) for x, f in zip(c, rng.uniform(0.88, 1.12, 3), strict=True))
    return (r, g, b)


def _number(rng: Random) -> int:
    return int(rng.integers(1 << 20))


def wood(rng: Random, palette: Palette, board: tuple[float, float]) -> Wood:
    """Choose a kind of wood."""
    light, dark = palette.woods[int(rng.integers(len(palette.woods)))]
    return Wood(light, dark, board, _number(rng))


def floor_pattern(rng: Random, palette: Palette, tiled: bool) -> Pattern:
    """Choose boards, tiles, stone or carpet; always tiles where the room is `tiled`."""
    kind = rng.random()
    stone = pick(rng, palette.stones)
    if kind < 0.25 or tiled:
        side = float(rng.uniform(0.25, 0.6))
        checker: Rgb | None = (0.12, 0.12, 0.13) if rng.random() < 0.3 else None
        return Tiles(
            stone, (0.30, 0.29, 0.27), (side, side), 0.006, 0.10, 0.0, checker, _number(rng)
        )
    if kind < 0.35:
        return Marble(stone, (0.16, 0.14, 0.12), 0.9, _number(rng))
    if kind < 0.35 + palette.carpet:
        cloth = pick(rng, palette.cloths)
        red, green, blue = cloth
        darker = (0.8 * red, 0.8 * green, 0.8 * blue)
        return Ground(cloth, darker, 1.2, 0.02, 0.25, _number(rng))
    return wood(rng, palette, (float(rng.uniform(0.08, 0.2)), float(rng.uniform(0.6, 1.6))))


def wall_pattern(rng: Random, palette: Palette, tiled: bool) -> Pattern:
    """Choose paint, wallpaper or bare brick, or tiles where the room is `tiled`."""
    kind, paint = rng.random(), pick(rng, palette.paints)
    if tiled:
        return Tiles(paint, (0.5, 0.5, 0.48), (0.2, 0.1), 0.004, 0.05, 0.5, None, _number(rng))
    if kind < palette.papered:
        red, green, blue = paint
        other = (0.86 * red, 0.86 * green, 0.86 * blue)
        return Stripes(paint, other, float(rng.uniform(0.08, 0.3)), 0.5, False, _number(rng))
    if kind < palette.papered + palette.brick:
        return Tiles(
            (0.42, 0.20, 0.13),
            (0.5, 0.47, 0.42),
            (0.21, 0.065),
            0.01,
            0.25,
            0.5,
            None,
            _number(rng),
        )
    return Plain(paint, 0.05, 0.9, _number(rng))


def make_style(rng: Random, palette: Palette, tiled: bool = False, lit: bool = True) -> Style:
    """Draw the materials of a room; in `lit` ones the lamps are on."""
    return Style(
        wall=Material(wall_pattern(rng, palette, tiled)),
        floor=Material(floor_pattern(rng, palette, tiled), gloss=0.5),
        ceiling=Material(Plain((0.86, 0.855, 0.84), 0.03, 1.0, _number(rng))),
        wood=Material(wood(rng, palette, (0.4, 2.0)), gloss=0.25),
        second_wood=Material(wood(rng, palette, (0.4, 2.0)), gloss=0.25),
        cloth=Material(Fabric(pick(rng, palette.cloths), 0.012, _number(rng))),
        second_cloth=Material(Fabric(pick(rng, palette.cloths), 0.02, _number(rng))),
        accent=Material(
            Stripes(
                pick(rng, palette.cloths), pick(rng, palette.paints), 0.07, 0.4, False, _number(rng)
            )
        ),
        metal=Material(Plain((0.42, 0.42, 0.43), 0.02), gloss=0.9),
        dark=Material(Plain((0.03, 0.03, 0.035), 0.02), gloss=0.6),
        white=Material(Plain((0.78, 0.77, 0.75), 0.02), gloss=0.3),
        stone=Material(
            Marble((0.62, 0.60, 0.57), (0.25, 0.23, 0.22), 0.5, _number(rng)), gloss=0.5
        ),
        rug=Material(
            Ground(
                pick(rng, palette.cloths), pick(rng, palette.paints), 0.5, 0.02, 0.3, _number(rng)
            )
        ),
        leaves=Material(
            Ground((0.05, 0.14, 0.03), (0.11, 0.24, 0.06), 0.2, 0.03, 0.4, _number(rng))
        ),
        glow=Material(Plain((0.95, 0.88, 0.72), 0.0), emission=1.6 if lit else 0.0),
        glass=Material(Plain((0.05, 0.06, 0.07), 0.0), gloss=1.0, mirror=0.12),
        mirror=Material(Plain((0.3, 0.31, 0.31), 0.0), mirror=0.88),
    )
