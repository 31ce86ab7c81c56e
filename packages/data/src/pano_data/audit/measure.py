"""Numbers of one sample that the checks are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pano_data.audit.planarity import planarity_residuals
from pano_data.io.depth import read_depth
from pano_data.manifest import Row
from pano_data.reader import Decoded, read

MIN_EDGES = 32


@dataclass(frozen=True, slots=True)
class Measured:
    """What one sample says.

    Attributes:
        row: Its manifest row.
        size: Stored `(height, width)` of the image.
        dtype: Type of the stored label, or None.
        valid: Share of usable pixels.
        far: Share of far pixels.
        distance: Smallest, median and largest distance, or None where nothing is valid.
        pile: Share of valid pixels that hold exactly the largest distance.
        planarity: Residual by reading.
        contrast: Image contrast at edges of the label over that in the same rows; about 1 where
            image and label show different scenes. None without edges.
    """

    row: Row
    size: tuple[int, int]
    dtype: str | None
    valid: float
    far: float
    distance: tuple[float, float, float] | None
    pile: float
    planarity: Mapping[str, float]
    contrast: float | None


def measure(row: Row, root: Path) -> Measured:
    """Open one sample in the size and projection it is stored in.

    Raises:
        CorruptSampleError: If it cannot be read.
    """
    decoded = read(row, root, keep_projection=True)
    distances = decoded.label.distance[decoded.label.valid]
    summary, pile = None, 0.0
    if distances.size:
        largest = distances.max()
        summary = float(distances.min()), float(np.median(distances)), float(largest)
        pile = float((distances == largest).mean())
    stored = None if row.depth is None else read_depth(root / row.depth, row.encoding).dtype.name
    return Measured(
        row=row,
        size=(decoded.rgb.shape[0], decoded.rgb.shape[1]),
        dtype=stored,
        valid=float(decoded.label.valid.mean()),
        far=float(decoded.label.far.mean()),
        distance=summary,
        pile=pile,
        planarity=planarity_residuals(decoded) if distances.size else {},
        contrast=_contrast(decoded),
    )


def _contrast(decoded: Decoded) -> float | None:
    distance, valid = decoded.label.distance, decoded.label.valid
    with np.errstate(divide="ignore", invalid="ignore"):
        jump = np.abs(np.diff(np.log(distance), axis=1))
    edges = valid[:, 1:] & valid[:, :-1] & (jump > 0.1)
    if edges.sum() < MIN_EDGES:
        return None
    grey = decoded.rgb.astype(np.float32).mean(-1)
    steps = np.abs(np.diff(grey, axis=1))
    # What edges would meet if the picture were turned by any angle: the mean of their rows.
    elsewhere = (edges.sum(1) * steps.mean(1)).sum() / edges.sum()
    return float((steps[edges].mean() + 1) / (elsewhere + 1))
