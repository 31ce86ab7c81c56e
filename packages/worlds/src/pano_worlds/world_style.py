"""What the worlds of a data set look like: everything, or one narrow taste.

Narrow is the look, not the plan: houses of the narrow style are of all sizes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Range = tuple[float, float]
DistrictName = Literal["city", "suburb", "village"]


@dataclass(frozen=True, kw_only=True)
class WorldStyle:
    """Limits within which worlds are drawn.

    Attributes:
        palettes: Names in `indoor.style.PALETTES` that rooms take turns in.
        blue: Share of the rooms in blue or bluish white instead.
        dark: Share of the houses with dark walls and little light instead.
        empty: Share of the houses without furniture.
        furniture: Range of the probability that a piece is there.
        width, depth: Range of a house's outer measures, metres.
        height: Range of its rooms' height, metres.
        lit: Share of the houses whose lamps are on.
        lamps: Range of the lamps' brightness.
        tint: Range of blue over red of the light: below 1 warm, above 1 cold.
        level: Range of the light reflected from all around.
        ceiling: Range of the light that the floor sends up, as a share of `level`.
        parks: Share of outdoor worlds that are parks.
        districts: Kinds of streets and the share of each.
        overcast: Share of closed covers.
        paving: Range of a factor on the reflectance of roads; above 1 pale concrete and dust.
        weather: Share of outdoor scenes in fog, rain or snow.
        glass: Share of the houses with panes in their windows, and in more than these.
        glass_walls: Range of the share of their walls with glass doors, partitions or terraces.
        undivided: Rooms up to this area are not divided further, square metres.
        vaults: Share of the rectangular rooms under a barrel vault; walls end where it springs.
    """

    palettes: tuple[str, ...] = ("classic", "cream", "pale", "colourful", "office")
    blue: float = 0.12
    dark: float = 0.08
    empty: float = 0.08
    furniture: Range = (0.4, 1.0)
    width: Range = (6.0, 17.0)
    depth: Range = (5.0, 13.0)
    height: Range = (2.25, 3.6)
    lit: float = 0.7
    lamps: Range = (1.6, 5.0)
    tint: Range = (0.6, 1.35)
    level: Range = (0.6, 1.15)
    ceiling: Range = (0.5, 1.6)
    parks: float = 0.2
    districts: tuple[tuple[DistrictName, float], ...] = (
        ("city", 0.45),
        ("suburb", 0.35),
        ("village", 0.2),
    )
    overcast: float = 0.25
    paving: Range = (1.0, 1.0)
    weather: float = 0.15
    glass: float = 0.3
    glass_walls: Range = (0.1, 0.5)
    undivided: float = 9.0
    vaults: float = 0.0


WIDE = WorldStyle()
NARROW = WorldStyle(
    palettes=("cream",),
    blue=0.0,
    dark=0.0,
    empty=0.0,
    furniture=(0.6, 1.0),
    width=(6.0, 15.0),
    depth=(5.0, 12.0),
    height=(2.35, 3.1),
    lit=1.0,
    lamps=(3.2, 3.8),
    tint=(0.72, 0.8),
    level=(0.9, 1.0),
    ceiling=(1.0, 1.2),
    parks=0.0,
    districts=(("suburb", 1.0),),
    overcast=0.0,
    weather=0.0,
    glass=0.1,
    glass_walls=(0.0, 0.2),
)
OFFICES = WorldStyle(
    palettes=("office", "pale"),
    blue=0.1,
    dark=0.0,
    empty=0.05,
    furniture=(0.7, 1.0),
    width=(9.0, 18.0),
    depth=(7.0, 14.0),
    height=(2.4, 3.2),
    lit=0.95,
    lamps=(2.6, 4.4),
    tint=(0.9, 1.3),
    level=(0.85, 1.15),
    ceiling=(1.1, 1.8),
    glass=0.8,
    glass_walls=(0.3, 0.8),
)
BARE = WorldStyle(empty=0.85, furniture=(0.2, 0.6), lit=0.6)
EVENING = WorldStyle(
    dark=0.6, lit=1.0, tint=(0.5, 0.9), overcast=0.6, glass=0.12, glass_walls=(0.0, 0.2)
)
OVERCAST = WorldStyle(overcast=1.0, paving=(1.0, 4.0), weather=0.25)
HALLS = WorldStyle(
    palettes=("office", "pale", "classic"),
    empty=0.3,
    furniture=(0.2, 0.8),
    width=(18.0, 36.0),
    depth=(14.0, 30.0),
    height=(3.6, 8.0),
    lit=0.9,
    ceiling=(0.6, 1.8),
    glass=0.6,
    glass_walls=(0.2, 0.7),
)
VAULTS = WorldStyle(
    palettes=("pale", "cream", "office", "classic"),
    dark=0.15,
    empty=0.4,
    furniture=(0.1, 0.7),
    width=(3.0, 11.0),
    depth=(7.0, 30.0),
    height=(2.3, 3.4),
    lit=0.9,
    ceiling=(0.6, 1.8),
    glass=0.2,
    undivided=110.0,
    vaults=0.8,
)
LOBBIES = WorldStyle(
    palettes=("office", "pale", "cream", "classic"),
    empty=0.15,
    furniture=(0.2, 0.9),
    width=(10.0, 28.0),
    depth=(8.0, 22.0),
    height=(2.7, 7.0),
    lit=0.9,
    ceiling=(0.6, 1.8),
    glass=0.7,
    glass_walls=(0.3, 0.9),
    undivided=420.0,
    vaults=0.1,
)
STYLES: Mapping[str, WorldStyle] = {
    "wide": WIDE,
    "narrow": NARROW,
    "offices": OFFICES,
    "bare": BARE,
    "evening": EVENING,
    "overcast": OVERCAST,
    "halls": HALLS,
    "vaults": VAULTS,
    "lobbies": LOBBIES,
}


def style_of(name: str) -> WorldStyle:
    """Return a style by its name.

    Raises:
        ValueError: With the known names.
    """
    if name not in STYLES:
        raise ValueError(f"got style {name!r}, expected one of {sorted(STYLES)}")
    return STYLES[name]
