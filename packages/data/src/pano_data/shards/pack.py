"""Packing any data set of panoramas into shards, in a global seeded order."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pano_data.errors import CorruptSampleError
from pano_data.keyed import MapDataset
from pano_data.shards.distance_codec import DistanceCodec
from pano_data.shards.record import Record, encode_sample
from pano_data.shards.store import Plan, Store, close, write_chunks

__all__ = ["finish", "pack"]


def pack(
    dataset: MapDataset,
    out: Path | str,
    seed: int = 0,
    chunk: int = 256,
    codec: DistanceCodec = DistanceCodec.LOG16,
    rank: int = 0,
    world: int = 1,
    settings: dict[str, object] | None = None,
) -> int:
    """Write this rank's share of the chunks of a data set; call `finish` once after all ranks.

    Items lie in a global random order, so that even a reader that streams chunk by chunk sees
    scenes and video sequences mixed. Damaged samples are left out and listed with their reason in
    ``left_out.json``.

    Args:
        dataset: map-style data set of panoramas; may compute them (curation).
        out: folder of the shards.
        seed: of the order.
        chunk: items per chunk; choose at least 2 x ranks x workers chunks for streaming readers.
        codec: of the distance.
        rank: number of this process.
        world: number of processes.
        settings: further values that the content depends on; another run must name the same.

    Returns:
        Number of chunks written; 0 if all were there.

    Raises:
        DataError: the folder holds shards of other settings.
    """
    order = np.random.default_rng(seed).permutation(len(dataset))

    def read(positions: range) -> Iterator[Record | CorruptSampleError]:
        for position in positions:
            try:
                yield encode_sample(dataset[int(order[position])], codec)
            except CorruptSampleError as error:
                yield error

    plan = Plan(len(dataset), chunk, {"seed": seed, "codec": codec.name, **(settings or {})})
    return write_chunks(out, plan, read, rank, world)


def finish(out: Path | str) -> Store:
    """Write the index of shards; call once, after all ranks have packed.

    Raises:
        DataError: chunks are missing.
    """
    return close(out)
