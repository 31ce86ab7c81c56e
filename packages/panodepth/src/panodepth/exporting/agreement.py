"""How far an exported file is from its network, and what it costs beside it."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pano_geometry import resize
from pano_models.outputs import DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT

TOLERANCE = 1e-4
"""Of the relative difference from eager."""
POSITIVE = (DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT)
"""Maps whose values are compared each with itself; others (disparity crosses 0, probabilities come
near it) with the largest of the map."""
SMALLEST = 0.01
"""Share of the mean distance: nearer values are compared with it, an untrained head reaches 0."""
SEED = 0
ROUNDS = 5
MOST_SECONDS = 10.0
"""Of CPU time for the comparison of speed: large networks get fewer rounds."""


def random_panoramas(count: int, size: tuple[int, int]) -> Tensor:
    """Return `(count, 3, h, w)` float32 in [0, 1]: noise at three scales, always the same."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.zeros(count, 3, *size)
    for cells in (4, 16):
        coarse = torch.rand(count, 3, cells, 2 * cells, generator=generator)
        noise += resize(coarse, size)
    noise += torch.rand(count, 3, *size, generator=generator)
    return noise / 3


def relative_difference(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> float:
    """Return the largest difference over all pixels of all maps, relative.

    Args:
        found: Maps by key.
        expected: The same keys. A distance is compared with itself, or with `SMALLEST` of the mean
            where that is more; another map with its largest magnitude, a probability with 1.

    Returns:
        0 when equal, infinity when a key or a shape differs, NaN when one holds NaN.
    """
    if list(found) != list(expected):
        return float("inf")
    return max((_difference(k, found[k], expected[k]) for k in expected), default=0.0)


def _difference(key: str, found: Tensor, expected: Tensor) -> float:
    if found.shape != expected.shape:
        return float("inf")
    absolute = (found.double() - expected.double()).abs()
    magnitude = expected.double().abs()
    if key in POSITIVE:
        magnitude = magnitude.clamp(min=SMALLEST * float(magnitude.mean()))
    else:
        magnitude = magnitude.max().clamp(min=1.0 if "probability" in key else 1e-12)
    worst = (absolute / magnitude).max()
    return float("nan") if not worst.isfinite() else float(worst)


def relative_cost(run: Callable[[], Any], reference: Callable[[], Any]) -> float:
    """Return the CPU time of `run` over that of `reference` on one thread of torch.

    Both run in turn, so that a busy machine slows them alike; the median of the ratios counts.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run(), reference()  # the first pass of either allocates
        ratios: list[float] = []
        spent = 0.0
        while len(ratios) < ROUNDS and (not ratios or spent < MOST_SECONDS):
            ours, theirs = _cpu_seconds(run), _cpu_seconds(reference)
            ratios.append(ours / theirs)
            spent += ours + theirs
    finally:
        torch.set_num_threads(threads)
    return statistics.median(ratios)


def _cpu_seconds(call: Callable[[], Any]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start
