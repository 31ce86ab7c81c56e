"""What a network said about each picture of a data set, in shards: written once, read by key.

For maps of any shape and kind, such as a teacher's views. Labels that a network trains on are
files with rows of a manifest: `pano_data.pseudo_labels`.
"""

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pano_data.errors import CorruptSampleError, DataError
from pano_data.sample import ErpSample, MapDataset
from pano_data.shards.distance_codec import compress16, decompress16
from pano_data.shards.store import Plan, ShardRecord, Store, close, write_chunks

Labeller = Callable[[Tensor], Mapping[str, Tensor]]


def encode_map(values: Tensor) -> bytes:
    """Store a map of any shape as half floats, 4.9e-4 relative.

    Raises:
        DataError: a value is not finite, or beyond 65504.
    """
    half = values.detach().cpu().numpy().astype(np.float16)
    if not np.isfinite(half).all():
        raise DataError("a label holds NaN, infinity or values beyond 65504")
    shape = struct.pack(f"<B{half.ndim}I", half.ndim, *half.shape)
    return shape + compress16(half.view(np.uint16))


def decode_map(record: bytes | memoryview) -> Tensor:
    """Return the map as float32."""
    dims = record[0]
    shape = struct.unpack_from(f"<{dims}I", record, 1)
    codes = decompress16(record[1 + 4 * dims :], shape)
    return torch.from_numpy(codes.view(np.float16).astype(np.float32))


class CachedMaps:
    """Labels of a finished store, by sample key.

    Args:
        path: Folder that `label` and `finish` wrote.

    Raises:
        DatasetNotFoundError: No finished store is there.
    """

    def __init__(self, path: Path | str) -> None:
        self.store = Store(path)

    def __len__(self) -> int:
        return len(self.store)

    def __contains__(self, key: str) -> bool:
        return key in self.store

    @property
    def keys(self) -> list[str]:
        """Keys of all samples with a label."""
        return self.store.keys

    def provenance(self, key: str) -> dict[str, Any]:
        """Return which model wrote the label, as given to `label`."""
        found: dict[str, Any] = json.loads(self.store.find(key)["provenance"])
        return found

    def __getitem__(self, key: str) -> dict[str, Tensor]:
        """Return the maps of a sample, float32.

        Raises:
            DataError: No label was written for this key.
        """
        record = self.store.find(key)
        names = json.loads(record["names"])
        offsets = np.cumsum([0, *names.values()])
        data = bytes(record["maps"])
        return {
            name: decode_map(data[start:stop])
            for name, start, stop in zip(names, offsets, offsets[1:], strict=False)
        }


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
        model: Images `(b, 3, h, w)` in [0, 1] -> maps whose first axis is b. Put it in eval mode
            and on `device` before.
        dataset: Samples to label; damaged samples are left out and listed in `left_out.json`.
        out: Folder of the store.
        provenance: JSON-able: which model, which checkpoint, which run. Another provenance in the
            same folder is an error.
        batch_size: Images per call of the model.
        chunk: Samples per file, the unit of resuming.
        device: Device of the model.
        rank: Number of this process.
        world: Number of processes.
        settings: Further JSON-able values that the labels depend on, such as the digest of the
            manifest and the size of the images; another run must name the same.
        progress: Title of a progress display on stderr; None shows nothing.

    Returns:
        Number of chunks written; 0 if all were there.

    Raises:
        DataError: The folder holds labels of another model or of other settings, or a label is not
            finite.
    """
    noted = json.dumps(dict(provenance), sort_keys=True)

    def read(positions: range) -> Iterator[ShardRecord | CorruptSampleError]:
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
        DataError: Chunks are missing, or a sample was labelled twice.
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


def _record(key: str, maps: Mapping[str, Tensor], provenance: str) -> ShardRecord:
    coded = {name: encode_map(values.float()) for name, values in sorted(maps.items())}
    names = {name: len(data) for name, data in coded.items()}
    return {
        "key": key,
        "maps": b"".join(coded.values()),
        "names": json.dumps(names),
        "provenance": provenance,
    }
