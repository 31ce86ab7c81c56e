"""Array types of the worlds: numpy throughout, float64 for geometry."""

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
U8 = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def unit(vectors: F64) -> F64:
    """Scale vectors `(..., 3)` to length 1."""
    scaled: F64 = vectors / np.sqrt(np.sum(vectors * vectors, axis=-1, keepdims=True))
    return scaled


def turn(rotation: F64, vectors: F64) -> F64:
    """Apply `rotation` (3, 3) to vectors `(..., 3)` without BLAS, whose sums depend on the thread count."""
    return np.stack([np.sum(row * vectors, axis=-1) for row in rotation], axis=-1)
