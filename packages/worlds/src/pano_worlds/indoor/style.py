"""Materials of one house or room, drawn so that they go together."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pano_worlds.indoor.palettes import Palette
from pano_worlds.surfaces.builder import Builder
from pano_worlds.surfaces.materials import Colour, Material, Pattern
from pano_worlds.surfaces.patterns import Fabric, Ground, Marble, Plain, Stripes, Tiles, Wood


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
    pane: Colour | None = None


Piece = Callable[[Builder, Style, np.random.Generator], tuple[float, float]]


def pick(rng: np.random.Generator, choices: tuple[Colour, ...]) -> Colour:
    """Choose one colour, slightly varied."""
    c = choices[int(rng.integers(len(choices)))]
    r, g, b = (float(x * f) for x, f in zip(c, rng.uniform(0.88, 1.12, 3), strict=True))
    return (r, g, b)


def _number(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 20))


def wood(rng: np.random.Generator, palette: Palette, board: tuple[float, float]) -> Wood:
    """Choose a kind of wood."""
    light, dark = palette.woods[int(rng.integers(len(palette.woods)))]
    return Wood(light, dark, board, _number(rng))


def floor_pattern(rng: np.random.Generator, palette: Palette, tiled: bool) -> Pattern:
    """Choose boards, tiles, stone or carpet; always tiles where the room is `tiled`."""
    kind = rng.random()
    stone = pick(rng, palette.stones)
    if kind < 0.25 or tiled:
        side = float(rng.uniform(0.25, 0.6))
        checker: Colour | None = (0.12, 0.12, 0.13) if rng.random() < 0.3 else None
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


def wall_pattern(rng: np.random.Generator, palette: Palette, tiled: bool) -> Pattern:
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


def make_style(
    rng: np.random.Generator, palette: Palette, tiled: bool = False, lit: bool = True
) -> Style:
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
