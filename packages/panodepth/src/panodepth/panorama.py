"""What is known of one panorama after a network has seen it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from panodepth.outputs.maps import encode_values, estimate_normals
from panodepth.outputs.records import DEFAULT_FORMATS, save_prediction
from panodepth.outputs.surface import to_distance
from panodepth.prediction import MapKind, PredictedMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_WIDTH = 9.0
"""Inches."""


@dataclass(frozen=True)
class Panorama:
    """A panorama with its prediction, at its own size `(h, w)`.

    Axes: x right, y down, z forward (the centre of the panorama), camera at the origin.

    Attributes:
        name: Name of its file without suffix, or a number for arrays.
        rgb: `(h, w, 3)` uint8.
        prediction: The map and what is known of its pixels.
        notes: What was met on the way: metadata that were ignored, a crop that was placed.
        about: Source, model and working height, for the record that `save` writes.
    """

    name: str
    rgb: NDArray[np.uint8]
    prediction: PredictedMap
    notes: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> MapKind:
        """What `distance` is: `distance_metric`, `distance_scale_invariant`, `disparity_affine`."""
        return self.prediction.kind

    @property
    def unit(self) -> str:
        """The unit of `distance`: `m`, `relative` or `affine disparity`."""
        return self.prediction.unit

    @cached_property
    def distance(self) -> NDArray[np.float32]:
        """`(h, w)` float32 distance along the ray; 0 masked, infinity far.

        A network of affine disparity (`kind`) gives its disparity, 0 where far.
        """
        return encode_values(self.prediction)

    @property
    def sky(self) -> NDArray[np.bool_]:
        """`(h, w)` bool: sky, or beyond the network's range."""
        return self.prediction.far & self.prediction.valid

    @property
    def valid(self) -> NDArray[np.bool_]:
        """`(h, w)` bool: neither masked nor far; `points` and `normals` are numbers here."""
        return self.prediction.near

    @cached_property
    def points(self) -> NDArray[np.float32]:
        """`(h, w, 3)` float32 points in `unit`; NaN where not `valid`.

        Of an affine disparity the shape is right up to its unknown shift only.
        """
        surface = torch.from_numpy(to_distance(self.prediction))[None, None]
        points = pg.distance_to_points(surface)[0].numpy()
        points[~self.valid] = np.nan
        return np.asarray(points, np.float32)

    @cached_property
    def normals(self) -> NDArray[np.float32]:
        """`(h, w, 3)` float32 unit normals towards the camera; NaN where there is none."""
        normals = estimate_normals(self.prediction)
        nothing = (normals == 0).all(-1)
        return np.where(nothing[..., None], np.float32(np.nan), normals)

    def save(
        self,
        folder: Path | str,
        formats: Sequence[str] = DEFAULT_FORMATS,
        name: str | None = None,
    ) -> list[Path]:
        """Write what `panodepth predict` writes.

        Args:
            folder: Made if it is missing.
            formats: Any of `panodepth.outputs.records.FORMATS`: `npy png16 exr preview ply glb
                usd normals sky splats sixdof layers walls`.
            name: Of the files; `self.name` if None.

        Returns:
            The files, the record last.

        Raises:
            ValueError: Unknown format.
            OSError: A file cannot be written; none is left half-written.
        """
        return save_prediction(
            Path(folder), name or self.name, self.rgb, self.prediction, formats, self.about
        )

    def plot(self) -> "Figure":
        """Draw the panorama above its coloured map with a scale; notebooks show it."""
        # matplotlib takes half a second to import, and few draw
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from panodepth.outputs.preview import render_preview

        picture = render_preview(self.rgb, self.prediction)
        height = FIGURE_WIDTH * picture.shape[0] / picture.shape[1]
        figure = Figure(figsize=(FIGURE_WIDTH, height))
        FigureCanvasAgg(figure)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(picture)
        axes.set_axis_off()
        return figure
