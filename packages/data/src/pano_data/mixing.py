"""Weighted mixing of data sets as an endless sequence of draws that needs no state."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pano_data.errors import DataError

_ROUND_ORDER, _SOURCE_ORDER, _SAMPLE_SEED = 0, 1, 2  # independent random streams of one seed


class Draw(NamedTuple):
    """One sample asked of the data sets.

    Attributes:
        source: position of the data set in the mix.
        row: row of the data set.
        seed: 63-bit seed of every random choice made for this sample (augmentation).
        labelled: False where the sample comes from the unlabelled mix of a half batch.
    """

    source: int
    row: int
    seed: int
    labelled: bool = True


class Mix:
    """An endless, seeded, stateless sequence of draws from weighted data sets.

    The sequence consists of rounds. In every round data set `i` gives exactly
    `round(size_i * weight_i)` draws, so the shares are those of size x weight and not only
    approach them. A data set with a weight below one gives another part of itself in the next
    round; each pass covers it completely before any row comes again.

    Args:
        sizes: number of rows of each data set.
        weights: weight per image of each data set (1 everywhere if None).
        seed: the same seed gives the same sequence, whatever reads it.
        name: what errors call the mix, for example by its data sets.

    Raises:
        DataError: nothing to draw.
        ValueError: a negative or non-finite weight.

    Source: DA², Table 4: shares equal size x weight, normalised.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        weights: Sequence[float] | None = None,
        seed: int = 0,
        name: str = "the mix",
    ) -> None:
        weights = [1.0] * len(sizes) if weights is None else list(weights)
        _check(sizes, weights)
        self.sizes = tuple(int(size) for size in sizes)
        self.quotas = tuple(_quota(n, w) for n, w in zip(self.sizes, weights, strict=True))
        self.seed = seed
        self.name = name
        self._cached: tuple[int, np.ndarray] = (-1, np.empty((0, 2), dtype=np.int64))
        if not sum(self.quotas):
            raise DataError(
                f"{name} is empty: got sizes {self.sizes} with weights {tuple(weights)}, "
                "expected at least one data set with rows and a positive weight"
            )

    def __len__(self) -> int:
        """Number of draws in one round."""
        return sum(self.quotas)

    @property
    def shares(self) -> tuple[float, ...]:
        """Fraction of the draws that comes from each data set."""
        return tuple(quota / len(self) for quota in self.quotas)

    def draws(self, start: int, stop: int, labelled: bool = True) -> list[Draw]:
        """Return the draws at positions `start` to `stop` of the endless sequence."""
        return [self._draw(position, labelled) for position in range(start, stop)]

    def _draw(self, position: int, labelled: bool) -> Draw:
        number, offset = divmod(position, len(self))
        source, index = self._round(number)[offset]
        entropy = [self.seed, _SAMPLE_SEED, int(labelled), number, offset]
        seed = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
        return Draw(int(source), int(index), int(seed >> np.uint64(1)), labelled)

    def _round(self, number: int) -> np.ndarray:
        if self._cached[0] != number:
            parts = [self._part(source, number) for source in range(len(self.sizes))]
            order = np.random.default_rng([self.seed, _ROUND_ORDER, number])
            self._cached = (number, order.permutation(np.concatenate(parts)))
        return self._cached[1]

    def _part(self, source: int, number: int) -> np.ndarray:
        """Rows (source, index) that one data set gives to a round."""
        size, quota = self.sizes[source], self.quotas[source]
        if not quota:
            return np.empty((0, 2), dtype=np.int64)
        first, last = number * quota, (number + 1) * quota
        passes = range(first // size, (last - 1) // size + 1)
        order = np.concatenate([self._pass(source, size, each) for each in passes])
        rows = order[first - passes.start * size :][:quota]
        return np.stack([np.full(quota, source), rows], axis=1)

    def _pass(self, source: int, size: int, number: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, _SOURCE_ORDER, source, number])
        return rng.permutation(size)


def _quota(size: int, weight: float) -> int:
    """Draws per round; a data set with rows and a positive weight is never rounded away."""
    return max(1, round(size * weight)) if size and weight else 0


def _check(sizes: Sequence[int], weights: Sequence[float]) -> None:
    if len(sizes) != len(weights):
        raise ValueError(f"got {len(sizes)} sizes and {len(weights)} weights, expected one each")
    bad = [weight for weight in weights if not (np.isfinite(weight) and weight >= 0)]
    if bad:
        raise ValueError(f"weights must be finite and not negative, got {bad}")
