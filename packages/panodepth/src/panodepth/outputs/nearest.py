"""Fewer pixels of a distance map, each of them measured."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from panodepth.prediction import PredictedMap

Scalar = TypeVar("Scalar", np.float32, np.bool_)


def sample_nearest(image: NDArray[Scalar], height: int, width: int) -> NDArray[Scalar]:
    """Samples a map at the centres of a smaller grid; a mean over an edge would be a distance where nothing is.

    Args:
        image: `(h, w)`.
        height: Rows of the grid.
        width: Columns of the grid.

    Returns:
        `(height, width)`.
    """
    rows = ((np.arange(height) + 0.5) * image.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * image.shape[1] / width).astype(np.intp)
    return image[np.ix_(rows, columns)]


def thinned(prediction: PredictedMap, max_width: int) -> PredictedMap:
    """The prediction on a grid at most `max_width` wide; itself where it is not wider."""
    height, width = prediction.values.shape
    if width <= max_width:
        return prediction
    size = (max(1, round(height * max_width / width)), max_width)
    return PredictedMap(
        prediction.kind,
        sample_nearest(prediction.values, *size),
        sample_nearest(prediction.valid, *size),
        sample_nearest(prediction.far, *size),
        prediction.working_height,
    )
