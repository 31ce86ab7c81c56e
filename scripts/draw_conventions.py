"""Draw docs/figures/conventions.png: axes, angles, pixels and cube faces of pano_geometry.

uv run python scripts/draw_conventions.py
"""

import math
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle

import pano_geometry as pg

OUT = Path(__file__).parents[1] / "docs" / "figures" / "conventions.png"
COLOURS = {
    "F": "#4477aa",
    "R": "#ee6677",
    "B": "#228833",
    "L": "#ccbb44",
    "U": "#66ccee",
    "D": "#aa3377",
}
CROSS = {"U": (0, 1), "L": (1, 0), "F": (1, 1), "R": (1, 2), "B": (1, 3), "D": (2, 1)}


def face_picture(height: int, width: int) -> np.ndarray:
    """Return a panorama (h, w, 3) in the colours of the cube's faces, with a lattice."""
    rays = pg.Equirectangular(height, width).rays()
    strip = pg.Cubemap(1).project(rays)[..., 1].floor().clamp(0, 5).long()
    table = torch.tensor([mpl.colors.to_rgb(COLOURS[face]) for face in pg.FACES])
    lon, lat = pg.rays_to_lonlat(rays)
    step = math.radians(30)
    line = 0.5 + 0.5 * torch.cos(math.tau * lon / step) > 0.985
    line |= 0.5 + 0.5 * torch.cos(math.tau * lat / step) > 0.985
    colours = table[strip]
    return torch.where(line[..., None], 0.55 + 0.45 * colours, colours).numpy()


def draw_axes(ax: Axes) -> None:
    ax.set_title("Camera frame (OpenCV)")
    for (x, y), label, align in (
        ((1.0, 0.0), "x right", "left"),
        ((0.0, -1.0), "y down", "center"),
        ((0.55, 0.5), "z forward", "left"),
    ):
        ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "lw": 2})
        ax.text(x * 1.08, y * 1.12, label, ha=align, va="center", fontsize=11)
    ax.text(
        -1.25,
        1.15,
        "ray = (cos lat · sin lon,\n         −sin lat,\n         cos lat · cos lon)",
        va="top",
        fontsize=10,
    )
    ax.text(
        0.25,
        -0.35,
        "R: camera → world\nR = Ry(yaw) Rx(pitch) Rz(roll)\nyaw > 0 right, pitch > 0 up,\nroll > 0 "
        "clockwise",
        va="top",
        fontsize=10,
    )
    ax.set(xlim=(-1.3, 2.1), ylim=(-1.35, 1.25), aspect="equal")
    ax.axis("off")


def draw_panorama(ax: Axes) -> None:
    ax.set_title("Equirectangular panorama and the faces it falls into")
    ax.imshow(face_picture(360, 720), extent=(-180, 180, -90, 90))
    camera = pg.Equirectangular(180, 360)
    names = {
        "+z": (0, 0, 1),
        "+x": (1, 0, 0),
        "−x": (-1, 0, 0),
        "−y": (0, -1, 1e-6),
        "+y": (0, 1, 1e-6),
    }
    for name, axis in names.items():
        u, v = camera.project(torch.tensor(axis, dtype=torch.float64)).tolist()
        inside = 90 - min(max(v, 8), 172)
        ax.text(
            u - 180,
            inside,
            name,
            ha="center",
            va="center",
            weight="bold",
            color="white",
            fontsize=12,
        )
    for lon in (-171, 171):
        ax.text(lon, 0, "−z", ha="center", va="center", weight="bold", color="white", fontsize=12)
    ax.set(
        xlabel="lon in degrees: grows to the right, 0 at +z", ylabel="lat in degrees: positive up"
    )
    ax.set_xticks(range(-180, 181, 60))
    ax.set_yticks(range(-90, 91, 30))


def draw_cube(ax: Axes) -> None:
    ax.set_title("Cube faces, order F R B L U D, a right, b down")
    erp = torch.from_numpy(face_picture(720, 1440)).permute(2, 0, 1)[None]
    faces = pg.erp_to_cube(erp, 128)[0]
    rays = {
        "F": "(a, b, 1)",
        "R": "(1, b, −a)",
        "B": "(−a, b, −1)",
        "L": "(−1, b, a)",
        "U": "(a, −1, b)",
        "D": "(a, 1, −b)",
    }
    for k, (name, image) in enumerate(zip(pg.FACES, faces, strict=True)):
        row, column = CROSS[name]
        ax.imshow(image.permute(1, 2, 0).numpy(), extent=(column, column + 1, -row - 1, -row))
        ax.add_patch(Rectangle((column, -row - 1), 1, 1, fill=False, lw=1.5))
        text = f"{name} [{k}]\n{rays[name]}"
        ax.text(
            column + 0.5, -row - 0.5, text, ha="center", va="center", color="white", weight="bold"
        )
    ax.set(xlim=(-0.05, 4.05), ylim=(-3.05, 0.05))
    ax.axis("off")


def draw_pixels(ax: Axes) -> None:
    ax.set_title("The half pixel: pixel i covers [i, i + 1), centre i + 0.5")
    width, height = 6, 3
    for column in range(width):
        for row in range(height):
            ax.add_patch(Rectangle((column, row), 1, 1, fill=False, lw=1))
            ax.add_patch(Circle((column + 0.5, row + 0.5), 0.06, color="k"))
    ax.annotate("centre (2.5, 0.5)", (2.5, 0.5), (2.9, -0.55), arrowprops={"arrowstyle": "->"})
    ax.text(0, height + 0.12, "u = 0\nlon = −180°", ha="center", va="top")
    ax.text(width / 2, height + 0.12, f"u = w / 2 = {width / 2:g}\nlon = 0", ha="center", va="top")
    ax.text(width, height + 0.12, f"u = w = {width}\nlon = +180°", ha="center", va="top")
    ax.text(-0.1, 0, "v = 0, lat = +90°", ha="right", va="center")
    ax.text(-0.1, height, f"v = h = {height}, lat = −90°", ha="right", va="center")
    ax.set(xlim=(-2.6, width + 0.7), ylim=(height + 1.0, -0.9), aspect="equal")
    ax.axis("off")


def main() -> None:
    figure, axes = plt.subplots(2, 2, figsize=(14, 9), width_ratios=(1, 1.45))
    draw_axes(axes[0, 0])
    draw_panorama(axes[0, 1])
    draw_pixels(axes[1, 0])
    draw_cube(axes[1, 1])
    figure.tight_layout()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUT, dpi=80, metadata={"Software": None})


if __name__ == "__main__":
    main()
