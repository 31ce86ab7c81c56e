"""Stand-in weights drawn from tensor names, and smooth pictures: parity without checkpoints.

The reference arrays of this folder were computed by the published code on exactly these weights and
pictures.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch


def _rng(text: str) -> np.random.Generator:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.PCG64(seed))


def weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Draw the tensor ``name``."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.int64)
    x = _rng(name).standard_normal(shape, dtype=np.float32)
    if leaf == "running_var":
        x = 1.0 + 0.1 * np.abs(x)
    elif leaf == "running_mean":
        x = 0.1 * x
    elif len(shape) >= 2:
        x = x / math.sqrt(max(1, math.prod(shape[1:])))
    else:
        x = 1.0 + 0.1 * x if leaf in ("weight", "gamma") else 0.1 * x
    return torch.from_numpy(np.asarray(x, dtype=np.float32))


def state_dict(shapes: dict[str, list[int]] | Path) -> dict[str, torch.Tensor]:
    """Draw every tensor of a table name -> shape (or of the JSON file that holds one)."""
    table = json.loads(shapes.read_text()) if isinstance(shapes, Path) else shapes
    return {name: weight(name, tuple(shape)) for name, shape in table.items()}


@contextmanager
def undrawn() -> Iterator[None]:
    """Networks that are built here draw no first weights: for those whose weights are loaded."""
    drawing = [n for n in vars(torch.nn.init) if n.endswith("_") and not n.startswith("_")]
    with pytest.MonkeyPatch.context() as patch:
        for name in drawing:
            patch.setattr(torch.nn.init, name, lambda tensor, *args, **options: tensor)
        yield


def image(height: int, width: int, salt: str = "image") -> torch.Tensor:
    """Return a periodic RGB panorama (1, 3, h, w), 8-bit values in [0, 1]."""
    rng = _rng(salt)
    lon = (np.arange(width) + 0.5) / width * 2 * np.pi
    lat = (np.arange(height) + 0.5) / height * np.pi
    out = np.zeros((1, 3, height, width))
    for c in range(3):
        for _ in range(12):
            k, m = rng.integers(0, 9), rng.integers(1, 9)
            p, q, a = rng.uniform(0, 2 * np.pi), rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 1.0)
            out[0, c] += a * np.cos(k * lon + p)[None, :] * np.cos(m * lat + q)[:, None]
    out -= out.min(axis=(2, 3), keepdims=True)
    out /= out.max(axis=(2, 3), keepdims=True)
    u8 = np.clip(np.rint(out.astype(np.float32) * 255), 0, 255).astype(np.uint8)
    return torch.from_numpy(u8).float() / 255
