"""One scale over the frames of a video, and how much it flickers.

A network that sees one frame at a time gives each frame a scale of its own. The ratio of two
consecutive maps, as the median over the sphere, holds that flicker and the camera's own movement;
the movement is slow.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from pano_geometry import solid_angle

LOWEST = 1e-6


class SolidMedian:
    """Weighted median over the sphere of maps of one size.

    Args:
        height: Rows of the maps.
        width: Columns of the maps.
    """

    def __init__(self, height: int, width: int) -> None:
        rows = solid_angle(height, width, dtype=torch.float64).numpy()
        self._area = np.repeat(rows[:, None], width, axis=1)

    def __call__(self, values: NDArray[np.float64], where: NDArray[np.bool_]) -> float | None:
        """Return the median of `values` where `where`; None where nothing is known."""
        if not where.any():
            return None
        chosen, area = values[where], self._area[where]
        order = np.argsort(chosen)
        reached = np.cumsum(area[order])
        return float(chosen[order][np.searchsorted(reached, reached[-1] / 2)])


class ScaleHold:
    """Brings the maps of consecutive frames to one scale.

    The logarithm of the scale of a frame is summed from frame to frame. What changes slower than
    `seconds` is kept as movement of the camera; what changes faster is taken out.

    Args:
        seconds: Time constant; infinity holds the scale of the first frame for good, which is right
            for a camera that stands.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._median: SolidMedian | None = None
        self._last: NDArray[np.float64] | None = None
        self._time = 0.0
        self._path = 0.0
        self._slow = 0.0

    def factor(self, values: NDArray[np.float32], near: NDArray[np.bool_], seconds: float) -> float:
        """Return what the distances of the next frame have to be multiplied by.

        Args:
            values: `(h, w)` distances, of one size for all frames.
            near: `(h, w)` where they are known.
            seconds: When the frame is shown.
        """
        if self._median is None:
            self._median = SolidMedian(*values.shape)
        logs = _logs(values, near)
        if self._last is not None:
            step = self._median(logs - self._last, np.isfinite(logs) & np.isfinite(self._last))
            self._path += step or 0.0
            share = -np.expm1(-(seconds - self._time) / self.seconds)  # 0 where held for good
            self._slow += float(share) * (self._path - self._slow)
        self._last, self._time = logs, seconds
        return float(np.exp(self._slow - self._path))


@dataclass
class Flicker:
    """How much maps jump against the mean of their two neighbours in time.

    A scale that grows steadily, as of a camera that walks, has none.

    Attributes:
        scale: Of each frame with two neighbours: jump of the scale, as a logarithm.
        pixel: Likewise the median over the sphere of the jumps of single pixels.
    """

    scale: list[float] = field(default_factory=list)
    pixel: list[float] = field(default_factory=list)
    _maps: deque[NDArray[np.float64]] = field(default_factory=lambda: deque(maxlen=3))
    _median: SolidMedian | None = None

    def add(self, values: NDArray[np.float32], near: NDArray[np.bool_]) -> None:
        """Take the map of the next frame, `(h, w)`, of one size for all frames."""
        if self._median is None:
            self._median = SolidMedian(*values.shape)
        self._maps.append(_logs(values, near))
        if len(self._maps) < 3:
            return
        before, here, after = self._maps
        jump = here - (before + after) / 2
        known = np.isfinite(jump)
        common = self._median(jump, known)
        single = self._median(np.abs(jump), known)
        if common is not None and single is not None:
            self.scale.append(common)
            self.pixel.append(single)

    def figures(self) -> dict[str, float | None]:
        """Return both in per cent: root mean square of the scale's, mean of the pixels'."""
        if not self.scale:
            return {"scale_percent": None, "pixel_percent": None}
        return {
            "scale_percent": round(100 * float(np.sqrt(np.mean(np.square(self.scale)))), 3),
            "pixel_percent": round(100 * float(np.mean(self.pixel)), 3),
        }


def _logs(values: NDArray[np.float32], near: NDArray[np.bool_]) -> NDArray[np.float64]:
    logs = np.log(np.maximum(values, LOWEST).astype(np.float64))
    return np.where(near & (values > 0), logs, np.nan)
