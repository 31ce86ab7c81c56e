"""Draw the contact sheets of docs/worlds.md: places, styles and appearances of our own worlds.

    python scripts/draw_worlds.py                         # all four, about a minute of CPU
    python scripts/draw_worlds.py --only styles --seed 70 --out /tmp

Places are taken as they come, consecutive seeds: nothing is chosen (but for the overview).
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import pano_geometry as pg
from pano_worlds import (
    CAMERA,
    CLEAN,
    STYLES,
    UNMARKED,
    Appearance,
    View,
    WorldKind,
    make_world,
    render,
)

DOCS = Path(__file__).parents[1] / "docs"
KINDS: tuple[WorldKind, ...] = ("indoor", "outdoor")
SIZE = (256, 512)
SMALL = (144, 288)
JPEG_QUALITY = 85
# Colours of the third strip, BGR.
SOLID, GLASS, SKY = (40, 40, 40), (90, 170, 230), (240, 220, 190)
APPEARANCES = {
    "clean": CLEAN,
    "camera": UNMARKED,
    "marked": replace(CAMERA, tripod=1.0, watermark=1.0),
    "fog": replace(UNMARKED, visibility=90.0),
    "rain": replace(UNMARKED, visibility=250.0, rain=1.0),
    "snow": replace(UNMARKED, visibility=250.0, snow=0.8),
}
RgbBytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Rendering:
    """What is rendered."""

    kind: WorldKind
    seed: int
    place: int
    style: str = "wide"
    appearance: Appearance = CLEAN

    def view(self) -> View:
        """Render it."""
        world = make_world(self.kind, self.seed, STYLES[self.style])
        viewpoint = world.viewpoints[self.place % len(world.viewpoints)]
        return render(world, viewpoint, pg.Equirectangular(*SIZE), self.appearance, seed=self.seed)


def coloured(view: View) -> RgbBytes:
    """Colour distance from 0.5 m (bright) to 300 m (dark) on a logarithmic scale; sky black."""
    share = np.log(np.maximum(view.distance, 0.5) / 0.5) / np.log(600.0)
    grey = np.where(view.sky, 0, 255 * (1.0 - np.clip(share, 0.0, 0.97))).astype(np.uint8)
    return cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)


def sky_and_glass(view: View) -> RgbBytes:
    """Show the sky, and what is seen through glass, the sky behind it brighter."""
    strip = np.empty((*view.sky.shape, 3))
    strip[:] = SOLID
    strip[view.sky] = SKY
    glass = view.pane > 0
    strip[glass] = 0.5 * strip[glass] + 0.5 * np.array(GLASS)
    return strip.astype(np.uint8)


def small(picture: RgbBytes) -> RgbBytes:
    return cv2.resize(picture, SMALL[::-1], interpolation=cv2.INTER_AREA)


def named(picture: RgbBytes, name: str) -> RgbBytes:
    for width, colour in ((3, (0, 0, 0)), (1, (255, 255, 255))):
        cv2.putText(picture, name, (6, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, width, 16)
    return picture


def column(place: Rendering, name: str) -> RgbBytes:
    """Stack colour, distance and sky."""
    view = place.view()
    strips = (view.rgb[..., ::-1], coloured(view), sky_and_glass(view))
    top, *rest = (small(np.ascontiguousarray(s)) for s in strips)
    return np.vstack([named(top, name), *rest])


def overview(seed: int) -> RgbBytes:
    """Draw picture, distance and normals of four places, clean and camera by turns."""
    rows = []
    scenes: tuple[tuple[WorldKind, int, int, str], ...] = (
        ("indoor", 12, 0, "wide"),
        ("indoor", 401, 2, "offices"),
        ("outdoor", 22, 1, "wide"),
        ("outdoor", 401, 1, "wide"),
    )
    for number, (kind, first, place, style) in enumerate(scenes):
        view = Rendering(kind, seed + first, place, style, (CLEAN, CAMERA)[number % 2]).view()
        normal = np.where(view.sky[..., None], 0, (view.normal + 1.0) * 127.5).astype(np.uint8)
        rows.append(np.hstack([view.rgb[..., ::-1], coloured(view), normal]))
    return np.vstack(rows)


def places(seed: int) -> RgbBytes:
    """Draw two viewpoints of eight consecutive seeds of each kind, clean."""
    rows: list[RgbBytes] = []
    for kind in KINDS:
        tiles = [
            small(Rendering(kind, s, place).view().rgb[..., ::-1])
            for s in range(seed + 300, seed + 308)
            for place in (0, 3)
        ]
        rows += [np.hstack(tiles[start : start + 4]) for start in range(0, len(tiles), 4)]
    return np.vstack(rows)


def styles(seed: int) -> RgbBytes:
    """Draw two indoor places and an outdoor one of each style."""
    scenes: tuple[tuple[WorldKind, int, int], ...] = (
        ("indoor", 400, 0),
        ("indoor", 401, 2),
        ("outdoor", 400, 1),
    )
    # Equal seeds of two styles are often nearly equal worlds.
    first = {name: seed + 10 * number for number, name in enumerate(STYLES)}
    return np.vstack(
        [
            np.hstack([column(Rendering(k, first[name] + s, p, name), name) for name in STYLES])
            for k, s, p in scenes
        ]
    )


def appearances(seed: int) -> RgbBytes:
    """Draw a room and a street in each appearance, weather outdoors only."""
    names = list(APPEARANCES)

    def row(kind: WorldKind, number: int, chosen: list[str]) -> RgbBytes:
        shown = [column(Rendering(kind, number, 1, "wide", APPEARANCES[n]), n) for n in chosen]
        return np.hstack(shown)

    return np.vstack(
        [
            row("indoor", seed + 403, names[:3]),
            row("outdoor", seed + 401, names[:3]),
            row("outdoor", seed + 400, names[3:]),
        ]
    )


SHEETS: dict[str, tuple[str, Callable[[int], RgbBytes]]] = {
    "overview": ("worlds.jpg", overview),
    "places": ("worlds_clean.jpg", places),
    "styles": ("worlds_styles.jpg", styles),
    "appearances": ("worlds_appearances.jpg", appearances),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(SHEETS), default=list(SHEETS))
    parser.add_argument("--seed", type=int, default=0, help="added to the seeds of all worlds")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the pictures")
    args = parser.parse_args()
    for name in args.only:
        file, draw = SHEETS[name]
        path = args.out / file
        if not cv2.imwrite(str(path), draw(args.seed), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f"could not write {path}: check that the folder exists")
        print(path)


if __name__ == "__main__":
    main()
