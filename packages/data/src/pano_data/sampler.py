"""The order of training samples: a pure function of seed, epoch and batch number.

`Mix` draws rows from weighted data sets, `DeterministicBatchSampler` puts draws into batches.
Nothing is remembered between batches: workers, ranks, restarts and the number of batches that a
loader fetches ahead cannot change what comes. A run resumes in the middle of an epoch by saying
where (`DeterministicBatchSampler.start`).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from pano_data.errors import DataError

_ROUND_ORDER, _SOURCE_ORDER, _SAMPLE_SEED = 0, 1, 2  # independent random streams of one seed


class Draw(NamedTuple):
    """One sample asked of the data sets.

    Attributes:
        source: Position of the data set in the mix.
        row: Row of the data set.
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
        sizes: Number of rows of each data set.
        weights: Weight per image of each data set (1 everywhere if None).
        seed: The same seed gives the same sequence, whatever reads it.
        name: Name of the mix in errors, for example its data sets.

    Raises:
        DataError: Nothing to draw.
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
        _check_weights(sizes, weights)
        self.sizes = tuple(int(size) for size in sizes)
        self.quotas = tuple(_count_quota(n, w) for n, w in zip(self.sizes, weights, strict=True))
        self.seed = seed
        self.name = name
        self._cached: tuple[int, np.ndarray] = (-1, np.empty((0, 2), dtype=np.int64))
        if not sum(self.quotas):
            raise DataError(
                f"{name} is empty: got sizes {self.sizes} with weights {tuple(weights)}, "
                "expected at least one data set with rows and a positive weight"
            )

    def __len__(self) -> int:
        """Return the number of draws in one round."""
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
        source, index = self._make_round(number)[offset]
        entropy = [self.seed, _SAMPLE_SEED, int(labelled), number, offset]
        seed = np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]
        return Draw(int(source), int(index), int(seed >> np.uint64(1)), labelled)

    def _make_round(self, number: int) -> np.ndarray:
        if self._cached[0] != number:
            parts = [self._draw_source(source, number) for source in range(len(self.sizes))]
            order = np.random.default_rng([self.seed, _ROUND_ORDER, number])
            self._cached = (number, order.permutation(np.concatenate(parts)))
        return self._cached[1]

    def _draw_source(self, source: int, number: int) -> np.ndarray:
        """Return the rows (source, index) that one data set gives to a round."""
        size, quota = self.sizes[source], self.quotas[source]
        if not quota:
            return np.empty((0, 2), dtype=np.int64)
        first, last = number * quota, (number + 1) * quota
        passes = range(first // size, (last - 1) // size + 1)
        order = np.concatenate([self._shuffle_pass(source, size, each) for each in passes])
        rows = order[first - passes.start * size :][:quota]
        return np.stack([np.full(quota, source), rows], axis=1)

    def _shuffle_pass(self, source: int, size: int, number: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, _SOURCE_ORDER, source, number])
        return rng.permutation(size)


def _count_quota(size: int, weight: float) -> int:
    """Return the draws per round; a data set with rows and weight is never rounded away."""
    return max(1, round(size * weight)) if size and weight else 0


def _check_weights(sizes: Sequence[int], weights: Sequence[float]) -> None:
    if len(sizes) != len(weights):
        raise ValueError(f"got {len(sizes)} sizes and {len(weights)} weights, expected one each")
    bad = [weight for weight in weights if not (np.isfinite(weight) and weight >= 0)]
    if bad:
        raise ValueError(f"weights must be finite and not negative, got {bad}")


class Position(NamedTuple):
    """A place in training: the next batch to be given out."""

    epoch: int
    batch: int


class DeterministicBatchSampler(Sampler[list[Draw]]):
    """Batches of `Draw` for one rank; labelled draws first, then unlabelled ones.

    An epoch is one round of the labelled mix, cut to whole optimiser steps. The unlabelled mix
    runs on over the epochs: each of its passes covers every row once, over all ranks together.
    With the same global batch (`world * batch_size`) any number of ranks sees the same batches, and
    with the same samples per step (`world * batch_size * accumulate`) the same steps.

    Args:
        labelled: Mix whose rounds are the epochs.
        batch_size: Samples per batch and rank, both kinds together.
        rank: Number of this process.
        world: Number of processes.
        unlabelled: Second kind of samples, or None.
        ratio: Unlabelled samples per labelled sample (1, 2, 4: half batches at 1:1, 1:2, 1:4).
        accumulate: Batches whose gradients make one optimiser step. A rest of an epoch that fills
            no step is left out: the trainer would step on it with fewer samples.

    Raises:
        DataError: The batch cannot be split by the ratio, or a mix is shorter than a batch.

    Attributes:
        epoch: Set by the trainer through `set_epoch`.
        start: Where the first iteration begins; later epochs start at their first batch.
    """

    def __init__(
        self,
        labelled: Mix,
        batch_size: int,
        rank: int = 0,
        world: int = 1,
        unlabelled: Mix | None = None,
        ratio: int = 1,
        accumulate: int = 1,
    ) -> None:
        self.labelled, self.unlabelled = labelled, unlabelled
        self.batch_size, self.rank, self.world = batch_size, rank, world
        self.labelled_size, self.unlabelled_size = split_batch(
            batch_size, ratio if unlabelled is not None else 0
        )
        self.accumulate = accumulate
        self.epoch = 0
        self.start = Position(-1, 0)
        self.sampler = self  # Lightning calls `batch_sampler.sampler.set_epoch`
        self._check()

    def _check(self) -> None:
        if not 0 <= self.rank < self.world:
            raise ValueError(f"got rank {self.rank} of {self.world}, expected 0 to world - 1")
        for mix, size, batches in (
            (self.labelled, self.labelled_size, self.accumulate),
            (self.unlabelled, self.unlabelled_size, 1),
        ):
            if mix is not None and len(mix) < size * self.world * batches:
                raise DataError(
                    f"{mix.name} is shorter than one global batch: got {len(mix)} samples, "
                    f"expected at least {size} per rank x {self.world} ranks"
                    f"{f' x {batches} accumulated batches' if batches > 1 else ''}; "
                    "lower batch_size or add data"
                )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the batches of a whole epoch, also where iteration starts later."""
        batches = len(self.labelled) // (self.labelled_size * self.world)
        return batches // self.accumulate * self.accumulate

    def __iter__(self) -> Iterator[list[Draw]]:
        """Give the batches of the current epoch, from `start` if it lies in this epoch."""
        epoch = self.epoch
        first = self.start.batch if self.start.epoch == epoch else 0
        for batch in range(first, len(self)):
            yield self.batch(epoch, batch)

    def batch(self, epoch: int, batch: int) -> list[Draw]:
        """Return one batch by its place, without iterating to it."""
        slot = batch * self.world + self.rank
        first = epoch * len(self.labelled) + slot * self.labelled_size
        draws = self.labelled.draws(first, first + self.labelled_size)
        if self.unlabelled is not None:
            first = (epoch * len(self) * self.world + slot) * self.unlabelled_size
            draws += self.unlabelled.draws(first, first + self.unlabelled_size, labelled=False)
        return draws


def split_batch(batch_size: int, ratio: int) -> tuple[int, int]:
    """Return how many labelled and unlabelled samples a batch of `batch_size` holds.

    Args:
        batch_size: Samples of both kinds.
        ratio: Unlabelled samples per labelled sample; 0 for none.

    Raises:
        DataError: It cannot hold whole numbers of both.
    """
    if batch_size < 1 or ratio < 0 or batch_size % (1 + ratio):
        raise DataError(
            f"a batch of {batch_size} cannot hold labelled and unlabelled samples at 1:{ratio}; "
            f"expected a batch_size that is a multiple of {1 + max(ratio, 0)}"
        )
    labelled = batch_size // (1 + ratio)
    return labelled, batch_size - labelled


def shard_indices(count: int, rank: int, world: int) -> range:
    """Return the rows of one rank: every row exactly once over the ranks, no padding.

    Ranks may get one row more or less than each other; results must be gathered by count.
    """
    return range(rank, count, world)
