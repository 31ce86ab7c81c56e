"""Packing any data set of panoramas into shards, in a global seeded order."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from pano_data.errors import CorruptSampleError
from pano_data.sample import ErpSample, MapDataset
from pano_data.shards.distance_codec import DistanceCodec
from pano_data.shards.record import Record, encode_sample
from pano_data.shards.store import Plan, Store, close, is_whole, write_chunks

__all__ = ["finish", "finish_if_whole", "pack"]


def pack(
    dataset: MapDataset,
    out: Path | str,
    seed: int = 0,
    chunk: int = 256,
    codec: DistanceCodec = DistanceCodec.LOG16,
    rank: int = 0,
    world: int = 1,
    settings: dict[str, object] | None = None,
    progress: str | None = None,
) -> int:
    """Write this rank's share of the chunks of a data set; call `finish` once after all ranks.

    Items lie in a global random order, so that even a reader that streams chunk by chunk sees
    scenes and video sequences mixed. Damaged samples are left out and listed with their reason in
    `left_out.json`.

    Args:
        dataset: map-style data set of panoramas; may compute them (curation).
        out: folder of the shards.
        seed: of the order.
        chunk: items per chunk; choose at least 2 x ranks x workers chunks for streaming readers.
        codec: of the distance.
        rank: number of this process.
        world: number of processes.
        settings: further values that the content depends on; another run must name the same.
        progress: what is done, to show progress on stderr; None shows nothing.

    Returns:
        Number of chunks written; 0 if all were there.

    Raises:
        DataError: the folder holds shards of other settings.
    """
    order = np.random.default_rng(seed).permutation(len(dataset))

    def read(positions: range) -> Iterator[Record | CorruptSampleError]:
        for row in _rows(dataset, [int(order[position]) for position in positions]):
            yield row if isinstance(row, CorruptSampleError) else encode_sample(row, codec)

    plan = Plan(len(dataset), chunk, {"seed": seed, "codec": codec.name, **(settings or {})})
    return write_chunks(out, plan, read, rank, world, progress)


def finish(out: Path | str) -> Store:
    """Write the index of shards; call after all ranks have packed.

    Raises:
        DataError: chunks are missing.
    """
    return close(out)


def finish_if_whole(out: Path | str) -> Store | None:
    """Write the index if every chunk is there; each rank may call it after its own work.

    The last rank to come finds all chunks. Two that come together write the same bytes, and a
    finished folder stays as it is.
    """
    return close(out) if is_whole(out) else None


@runtime_checkable
class Batched(Protocol):
    """A data set that computes rows better several at a time."""

    def rows(self, indices: Sequence[int]) -> Iterator[ErpSample | CorruptSampleError]:
        """Rows in the order of `indices`; what cannot be computed as its error."""


def _rows(dataset: MapDataset, indices: Sequence[int]) -> Iterator[ErpSample | CorruptSampleError]:
    if isinstance(dataset, Batched):
        yield from dataset.rows(indices)
        return
    for index in indices:
        try:
            yield dataset[index]
        except CorruptSampleError as error:
            yield error
