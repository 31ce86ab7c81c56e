"""A batch sampler whose order is a pure function of seed, epoch and batch number.

Nothing is remembered between batches: workers, ranks, restarts and the number of batches that a
loader fetches ahead cannot change what comes. A run resumes in the middle of an epoch by saying
where (`DeterministicBatchSampler.start`).
"""

from collections.abc import Iterator
from typing import NamedTuple

from torch.utils.data import Sampler

from pano_data.errors import DataError
from pano_data.mixing import Draw, Mix


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
        labelled: what an epoch consists of.
        batch_size: samples per batch and rank, both kinds together.
        rank: number of this process.
        world: number of processes.
        unlabelled: second kind of samples, or None.
        ratio: unlabelled samples per labelled sample (1, 2, 4: half batches at 1:1, 1:2, 1:4).
        accumulate: batches whose gradients make one optimiser step. A rest of an epoch that fills
            no step is left out: the trainer would step on it with fewer samples.

    Raises:
        DataError: the batch cannot be split by the ratio, or a mix is shorter than a batch.

    Attributes:
        epoch: set by the trainer through `set_epoch`.
        start: where the first iteration begins; later epochs start at their first batch.
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
        """Batches of a whole epoch, also where iteration starts later."""
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
        batch_size: samples of both kinds.
        ratio: unlabelled samples per labelled sample; 0 for none.

    Raises:
        DataError: it cannot hold whole numbers of both.
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
