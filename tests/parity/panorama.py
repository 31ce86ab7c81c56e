"""The smooth periodic panorama of the reference arrays, unquantised and for any batch."""

import numpy as np
import torch

from tests.parity.stand_in import _rng


def smooth_panorama(height: int, width: int, batch: int = 1, salt: str = "image") -> torch.Tensor:
    """Return RGB (batch, 3, h, w) in [0, 1]."""
    rng = _rng(salt)
    lon = (np.arange(width) + 0.5) / width * 2 * np.pi
    lat = (np.arange(height) + 0.5) / height * np.pi
    out = np.zeros((batch, 3, height, width))
    for plane in out.reshape(-1, height, width):
        for _ in range(12):
            k, m = rng.integers(0, 9), rng.integers(1, 9)
            p, q, a = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
            plane += a * np.cos(k * lon + p)[None, :] * np.cos(m * lat + q)[:, None]
    out -= out.min(axis=(2, 3), keepdims=True)
    out /= out.max(axis=(2, 3), keepdims=True)
    return torch.from_numpy(out.astype(np.float32))
