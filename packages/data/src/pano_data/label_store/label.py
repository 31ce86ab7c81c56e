"""Asking a model about a data set: every sample exactly once, over any number of processes."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pano_data.errors import CorruptSampleError
from pano_data.label_store.maps import CachedMaps, encode_map
from pano_data.sample import ErpSample, MapDataset
from pano_data.shards.store import Plan, Record, close, write_chunks

Labeller = Callable[[Tensor], Mapping[str, Tensor]]


@torch.inference_mode()
def label(
    model: Labeller,
    dataset: MapDataset,
    out: Path | str,
    provenance: Mapping[str, Any],
    batch_size: int = 8,
    chunk: int = 256,
    device: torch.device | str = "cpu",
    rank: int = 0,
    world: int = 1,
    settings: Mapping[str, Any] | None = None,
    progress: str | None = None,
) -> int:
    """Write this rank's share of the labels; call `finish` once after all ranks.

    A killed run started again resumes after its last whole chunk. The number of ranks may change.
    The offline cache of a teacher is a function that returns `{"disparity": (b, 6, f, f)}`.

    Args:
        model: images `(b, 3, h, w)` in [0, 1] -> maps whose first axis is b. Put it in eval mode
            and on `device` before.
        dataset: what to label; damaged samples are left out and listed in `left_out.json`.
        out: folder of the store.
        provenance: JSON-able: which model, which checkpoint, which run. Another provenance in the
            same folder is an error.
        batch_size: images per call of the model.
        chunk: samples per file, the unit of resuming.
        device: where images go.
        rank: number of this process.
        world: number of processes.
        settings: further JSON-able values that the labels depend on, such as the digest of the
            manifest and the size of the images; another run must name the same.
        progress: what is done, to show progress on stderr; None shows nothing.

    Returns:
        Number of chunks written; 0 if all were there.

    Raises:
        DataError: the folder holds labels of another model or of other settings, or a label is not
            finite.
    """
    noted = json.dumps(dict(provenance), sort_keys=True)

    def read(positions: range) -> Iterator[Record | CorruptSampleError]:
        for samples in _batches(dataset, positions, batch_size):
            if isinstance(samples, CorruptSampleError):
                yield samples
                continue
            images = torch.stack([sample["image"] for sample in samples]).to(device)
            maps = model(images)
            for number, sample in enumerate(samples):
                yield _record(sample["key"], {k: v[number] for k, v in maps.items()}, noted)

    plan = Plan(len(dataset), chunk, {**(settings or {}), "provenance": json.loads(noted)})
    return write_chunks(out, plan, read, rank, world, progress)


def finish(out: Path | str) -> CachedMaps:
    """Close the store; call once, after all ranks.

    Raises:
        DataError: chunks are missing, or a sample was labelled twice.
    """
    close(out)
    return CachedMaps(out)


def _batches(
    dataset: MapDataset, positions: range, size: int
) -> Iterator[list[ErpSample] | CorruptSampleError]:
    batch: list[ErpSample] = []
    for position in positions:
        try:
            batch.append(dataset[position])
        except CorruptSampleError as error:
            yield error
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _record(key: str, maps: Mapping[str, Tensor], provenance: str) -> Record:
    coded = {name: encode_map(values.float()) for name, values in sorted(maps.items())}
    names = {name: len(data) for name, data in coded.items()}
    return {
        "key": key,
        "maps": b"".join(coded.values()),
        "names": json.dumps(names),
        "provenance": provenance,
    }
