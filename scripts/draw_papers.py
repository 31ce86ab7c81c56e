"""Draw the figures of docs/papers/explained and docs/start.md from our own worlds.

python scripts/draw_papers.py                # all, half a minute of CPU
python scripts/draw_papers.py --only da2 --out /tmp
"""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
import pano_models as pm
import panodepth
from pano_data import ReflectionOutpainter
from pano_losses import weighting
from pano_worlds import CAMERA, CLEAN, View, make_world, render

DOCS = Path(__file__).parents[1] / "docs"
SIZE = (256, 512)
JPEG_QUALITY = 82
RANGES_M = (10.0, 20.0, 50.0, 100.0)
RING = ((90, 200, 120), (60, 180, 240), (60, 90, 240), (200, 90, 200))
"""Colours of the ranges, BGR, near to far."""
BgrBytes = NDArray[np.uint8]


def world_view(kind: str, seed: int, place: int = 0, camera: bool = True) -> View:
    """Render one place of a world."""
    world = make_world(kind, seed)
    viewpoint = world.viewpoints[place % len(world.viewpoints)]
    appearance = CAMERA if camera else CLEAN
    return render(world, viewpoint, pg.Equirectangular(*SIZE), appearance, seed=seed)


def coloured(distance: BgrBytes, near: float, far: float) -> BgrBytes:
    """Colour distance on a logarithmic scale, near bright; 0 is grey, what is beyond dark."""
    share = np.log(np.clip(distance, near, far) / near) / math.log(far / near)
    colours = cv2.applyColorMap((255 * (1 - 0.97 * share)).astype(np.uint8), cv2.COLORMAP_INFERNO)
    colours[distance <= 0] = 70
    return colours


def named(picture: BgrBytes, line: str, top: int = 0) -> BgrBytes:
    """Write a line on a dark ground at the left border."""
    picture = np.ascontiguousarray(picture)
    (width, height), below = cv2.getTextSize(line, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
    corner = (width + 12, top + height + below + 8)
    cv2.rectangle(picture, (0, top), corner, (30, 30, 30), -1)
    place = (6, top + height + 5)
    cv2.putText(picture, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, 16)
    return picture


def as_picture(rgb: torch.Tensor) -> BgrBytes:
    """Turn (3, h, w) in [0, 1] into BGR bytes."""
    return (rgb.permute(1, 2, 0).numpy()[..., ::-1] * 255).round().astype(np.uint8)


def as_tensor(rgb: BgrBytes) -> torch.Tensor:
    """Turn (h, w, 3) bytes into (3, h, w) in [0, 1]."""
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1) / 255


def da2() -> BgrBytes:
    """Draw how a perspective picture with distance becomes a panorama to train on."""
    view = world_view("indoor", 7)
    camera = pg.Perspective.from_fov(240, 320, math.radians(90))
    ahead, turn = pg.from_ypr(math.radians(38)), pg.from_ypr(math.radians(10), math.radians(-12))
    rgb = pg.rotate(as_tensor(view.rgb)[None], ahead)
    distance = pg.rotate(torch.from_numpy(view.distance)[None, None], ahead, mode="nearest")
    photo = pg.erp_to_perspective(rgb, camera, turn)
    erp, known = pg.perspective_to_erp(photo, camera, turn, *SIZE)
    painted = ReflectionOutpainter()(erp[0], known[0] > 0, "indoor", seed=0)
    label = torch.where(known[0] > 0, distance[0], torch.zeros(()))
    small = np.full((*SIZE, 3), 255, np.uint8)
    picture = as_picture(photo[0].clamp(0, 1))
    small[8:-8, 96:-96] = picture
    return np.vstack(
        [
            np.hstack(
                [
                    named(small, "1 perspective picture"),
                    named(as_picture(erp[0].clamp(0, 1)), "2 projected onto the panorama"),
                ]
            ),
            np.hstack(
                [
                    named(as_picture(painted), "3 out-painted (here: reflection)"),
                    named(
                        coloured(label[0].numpy(), 0.8, 12), "4 distance: only where it was seen"
                    ),
                ]
            ),
        ]
    )


def dap() -> BgrBytes:
    """Draw a street, its distance, the four ranges of the mask, and the weight of a pixel."""
    view = world_view("outdoor", 22, 1)
    far = np.where(view.sky, np.inf, view.distance)
    ranges = view.rgb[..., ::-1].astype(np.float32) * 0.35
    for limit, colour in zip(RANGES_M, RING, strict=True):
        ranges[far > limit] = 0.35 * ranges[far > limit] + 0.65 * np.array(colour)
    weight = weighting.cos_latitude(torch.zeros(1, 1, *SIZE)).expand(SIZE).numpy()
    shown = cv2.applyColorMap((255 * weight).astype(np.uint8), cv2.COLORMAP_BONE)
    names = ("> 10 m", "> 20 m", "> 50 m", "> 100 m or sky")
    ranges = named(ranges.astype(np.uint8), "ranges of the mask")
    for number, (name, colour) in enumerate(zip(names, RING, strict=True)):
        top = 160 + 22 * number
        cv2.rectangle(ranges, (8, top - 12), (22, top + 2), colour, -1)
        cv2.putText(ranges, name, (28, top), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1, 16)
    metres = np.where(view.sky, 100, view.distance)
    return np.vstack(
        [
            np.hstack(
                [
                    named(view.rgb[..., ::-1], "a street"),
                    named(coloured(metres, 1.5, 100), "metres, up to 100"),
                ]
            ),
            np.hstack([ranges, named(shown, "M_distort: weight of a pixel")]),
        ]
    )


def depth_anywhere() -> BgrBytes:
    """Draw a turned panorama, its six faces, and what a perspective teacher says of them."""
    view = world_view("indoor", 401, 2)
    turn = pg.from_ypr(math.radians(35), math.radians(25), math.radians(-20))
    turned = pg.rotate(as_tensor(view.rgb)[None], turn)
    faces = pg.erp_to_cube(turned, 96)[0]
    teacher = pm.load("worlds_view").eval()
    with torch.no_grad():
        disparity = teacher(faces)["disparity_affine"][:, 0]
    pictures = [
        named(cv2.resize(as_picture(face), (171, 171)), name)
        for face, name in zip(faces, "FRBLUD", strict=True)
    ]
    opinions = []
    for face in disparity.numpy():
        low, high = np.quantile(face, (0.02, 0.98))
        grey = (255 * np.clip((face - low) / (high - low), 0, 1)).astype(np.uint8)
        opinions.append(cv2.resize(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO), (171, 171)))
    top = np.hstack(
        [
            named(view.rgb[..., ::-1], "1 unlabelled panorama"),
            named(as_picture(turned[0].clamp(0, 1)), "2 turned at random"),
        ]
    )
    rows = [np.hstack(pictures)[:, : top.shape[1]], np.hstack(opinions)[:, : top.shape[1]]]
    rows[0] = named(rows[0], "3 six views", top=28)
    rows[1] = named(rows[1], "4 disparity, as the teacher sees each view")
    return np.vstack([top, *rows])


def start() -> BgrBytes:
    """Draw what `panodepth room.jpg` shows."""
    world = make_world("indoor", 7)
    view = render(world, world.viewpoints[0], pg.Equirectangular(512, 1024), CAMERA)
    room = panodepth.predict(view.rgb)
    distance = np.where(np.isfinite(room.distance), room.distance, 0)
    low, high = np.quantile(distance[distance > 0], (0.01, 0.99))
    pair = [view.rgb[..., ::-1], coloured(distance, float(low), float(high))]
    return np.hstack([cv2.resize(p, SIZE[::-1], interpolation=cv2.INTER_AREA) for p in pair])


FIGURES: dict[str, tuple[str, Callable[[], BgrBytes]]] = {
    "da2": ("papers/da2.jpg", da2),
    "dap": ("papers/dap.jpg", dap),
    "depth_anywhere": ("papers/depth_anywhere.jpg", depth_anywhere),
    "start": ("start_preview.jpg", start),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    parser.add_argument("--out", type=Path, default=DOCS / "figures", help="folder of the pictures")
    args = parser.parse_args()
    for name in args.only:
        file, draw = FIGURES[name]
        path = args.out / file
        if not cv2.imwrite(str(path), draw(), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise OSError(f"could not write {path}: check that the folder exists")
        print(f"{path} {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
