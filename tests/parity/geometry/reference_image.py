"""The picture that the reference numbers were computed on: cosines seeded by a name."""

import hashlib

import numpy as np
import torch
from torch import Tensor


def reference_image(height: int, width: int, batch: int = 1, name: str = "image") -> Tensor:
    """A smooth periodic picture in [0, 1], (batch, 3, height, width)."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    rng = np.random.Generator(np.random.PCG64(seed))
    lon = (np.arange(width) + 0.5) * (2 * np.pi / width)
    lat = (np.arange(height) + 0.5) * (np.pi / height)
    picture = np.zeros((batch, 3, height, width))
    for channel in picture.reshape(-1, height, width):
        for _ in range(12):
            k, m = rng.integers(0, 9), rng.integers(1, 9)
            p, q = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi)
            amplitude = rng.uniform(0.2, 1.0)
            channel += amplitude * np.outer(np.cos(m * lat + q), np.cos(k * lon + p))
    picture -= picture.min((2, 3), keepdims=True)
    picture /= picture.max((2, 3), keepdims=True)
    return torch.from_numpy(picture.astype(np.float32))
