"""Compares a network's output and intermediate tensors with stored reference arrays."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def largest_difference(actual: torch.Tensor, expected: np.ndarray) -> float:
    """Largest absolute difference; the shapes must agree."""
    assert tuple(actual.shape) == expected.shape
    return float(np.abs(actual.detach().numpy() - expected).max())


@contextmanager
def recorded(modules: dict[str, torch.nn.Module]) -> Iterator[dict[str, Any]]:
    """Collect (inputs, output) of every named module's last call."""
    calls: dict[str, Any] = {}

    def remember(name: str) -> Any:
        return lambda _, inputs, output: calls.__setitem__(name, (inputs, output))

    handles = [m.register_forward_hook(remember(name)) for name, m in modules.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
