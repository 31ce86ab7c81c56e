"""A distance map as a picture for people: colour, scale bar, unit."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, StrMethodFormatter
from numpy.typing import NDArray
from PIL import Image

from pano_geometry import resize
from panodepth.outputs.bands import row_bands
from panodepth.prediction import PredictedMap

COLORMAP = "Spectral"  # near is red, as in the papers' figures
QUANTILES = (0.02, 0.98)  # Source: DA², colouring of the released inference code
LOG_ABOVE = 12.0  # a linear scale over more than this ratio shows nothing of the near half
MASKED_COLOUR = (0.45, 0.45, 0.45)
FAR_COLOUR = (0.87, 0.92, 1.0)
MAX_WIDTH = 2048
DPI = 100


def choose_colour_limits(low: float, high: float) -> tuple[float, float, bool]:
    """Ends of a colour scale, and whether it is logarithmic: over more than 1:12."""
    if high <= low:
        low, high = low - 0.01 * abs(low), high + 0.01 * abs(high) + 1e-6
    return low, high, low > 0 and high / low > LOG_ABOVE


def make_colour_scale(prediction: PredictedMap) -> Normalize:
    """The scale of the colours: from the 2 % to the 98 % quantile of what is near."""
    values = prediction.values[prediction.near]
    if not values.size:
        return Normalize(0.0, 1.0)
    quantiles = np.quantile(values[:: max(1, values.size // 1_000_000)], QUANTILES)
    low, high, logarithmic = choose_colour_limits(float(quantiles[0]), float(quantiles[1]))
    return LogNorm(low, high, clip=True) if logarithmic else Normalize(low, high, clip=True)


def colourise_map(prediction: PredictedMap, scale: Normalize) -> NDArray[np.uint8]:
    """Colour a map: near red, far blue; beyond range pale, masked grey.

    Returns:
        `(h, w, 3)` uint8.
    """
    cmap = colormaps[COLORMAP]
    cmap = cmap.reversed() if prediction.kind == "disparity_affine" else cmap
    near, pixels = prediction.near, np.empty((*prediction.values.shape, 3), np.uint8)
    for band in row_bands(len(pixels)):
        values = np.where(near[band], prediction.values[band], np.float32(scale.vmin or 0))
        colours: NDArray[np.float64] = cmap(scale(values))[..., :3]
        colours[prediction.far[band]] = FAR_COLOUR
        colours[~prediction.valid[band]] = MASKED_COLOUR
        pixels[band] = np.rint(colours * 255)
    return pixels


def render_preview(rgb: NDArray[np.uint8], prediction: PredictedMap) -> NDArray[np.uint8]:
    """The panorama above its distance map, a scale bar with the unit at the right.

    Args:
        rgb: `(h, w, 3)` uint8 panorama.
        prediction: Its prediction.

    Returns:
        `(2 h', w', 3)` uint8, wide 640 to 2048 pixels plus the bar.
    """
    small = prediction.downsample(MAX_WIDTH)
    scale = make_colour_scale(small)
    picture = colourise_map(small, scale)
    width = max(640, picture.shape[1])
    pictures = (resize(p, (width // 2, width)) for p in (rgb, picture))
    stacked = np.concatenate(list(pictures))
    return _with_bar(stacked, scale, prediction)


def _with_bar(
    picture: NDArray[np.uint8], scale: Normalize, prediction: PredictedMap
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    bar = max(90, width // 14)
    figure = Figure(figsize=(bar / DPI, height / DPI), dpi=DPI, facecolor="white")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.12, 0.05, 0.2, 0.9))
    cmap = colormaps[COLORMAP]
    reverse = prediction.kind == "disparity_affine"
    colorbar = figure.colorbar(
        ScalarMappable(scale, cmap.reversed() if reverse else cmap), cax=axes
    )
    if isinstance(scale, LogNorm):  # plain numbers; powers of ten are wider than the bar
        colorbar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        colorbar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        colorbar.ax.yaxis.minorticks_off()
    label = "disparity (affine)" if reverse else f"distance ({prediction.unit})"
    font = max(8.0, width / 140)
    colorbar.set_label(label, fontsize=font)
    axes.tick_params(labelsize=font)
    if not reverse:
        axes.invert_yaxis()
    canvas.draw()
    strip = np.asarray(canvas.buffer_rgba())[:height, :bar, :3]
    return np.concatenate([picture, strip], axis=1)


def write_preview(path: Path, rgb: NDArray[np.uint8], prediction: PredictedMap) -> None:
    """Write `render_preview` as PNG."""
    with path.open("wb") as file:
        Image.fromarray(render_preview(rgb, prediction)).save(file, format="PNG", compress_level=4)
