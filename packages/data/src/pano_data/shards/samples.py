"""A data set as shards: samples become records, packed in a global seeded order, read by number."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

import pano_geometry as pg
from pano_data.decode import Label, resize_label
from pano_data.errors import CorruptSampleError, DataError
from pano_data.sample import ErpSample, MapDataset
from pano_data.shards.distance_codec import DistanceCodec, decode_distance, encode_distance
from pano_data.shards.store import Plan, ShardRecord, Store, close, is_whole, write_chunks

JPEG_QUALITY = 95  # 40 dB on panoramas; the sources are mostly JPEG themselves


def encode_sample(sample: ErpSample, codec: DistanceCodec = DistanceCodec.LOG16) -> ShardRecord:
    """Return the record of a panorama: JPEG, distance codec, names.

    Args:
        sample: The panorama, see `ErpSample`.
        codec: How the distance is stored.

    Raises:
        CorruptSampleError: The picture cannot be encoded.
        DataError: The distance cannot, see `encode_distance`.
    """
    picture = (sample["image"] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    done, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise CorruptSampleError(sample["key"], "unencodable", f"image {picture.shape}")
    distance, valid, far = (sample["distance"][0], sample["valid"][0], sample["far"][0])
    names = {"dataset": sample["dataset"], "metric": bool(sample["metric"])}
    return {
        "key": sample["key"],
        "rgb": jpeg.tobytes(),
        "distance": encode_distance(distance.numpy(), valid.numpy(), far.numpy(), codec),
        "meta": json.dumps(names, sort_keys=True),
    }


def decode_sample(record: ShardRecord, size: tuple[int, int] | None = None) -> ErpSample:
    """Return the sample of a record, resized by the rules of the reader if `size` is given.

    Raises:
        CorruptSampleError: The record is damaged.
    """
    key = record["key"]
    # LitData may hand out memoryviews; numpy takes both.
    picture = cv2.imdecode(np.frombuffer(record["rgb"], np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise CorruptSampleError(key, "undecodable", "the shard holds no picture for it")
    rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
    try:
        label = Label(*decode_distance(record["distance"]))
    except DataError as error:
        raise CorruptSampleError(key, "undecodable", str(error)) from error
    if label.distance.shape != rgb.shape[:2]:
        raise CorruptSampleError(
            key, "size mismatch", f"{label.distance.shape} and {rgb.shape[:2]}"
        )
    if size is not None and size != rgb.shape[:2]:
        rgb, label = pg.resize(rgb, size), resize_label(label, size)
    meta = json.loads(record["meta"])
    return ErpSample(
        image=torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float().div_(255),
        distance=torch.from_numpy(label.distance)[None],
        valid=torch.from_numpy(label.valid)[None],
        far=torch.from_numpy(label.far)[None],
        metric=torch.tensor(meta["metric"]),
        key=key,
        dataset=meta["dataset"],
    )


class ShardDataset(Dataset[ErpSample]):
    """Panoramas of a folder of shards, by number.

    LitData's own streams lose or repeat samples when a mixed run resumes with workers; read by
    number under `DeterministicBatchSampler` the order is exact, and the chunks stay plain LitData.

    Args:
        path: Folder that `pack` and `finish` wrote.
        size: Height and width of the samples; as stored if None.

    Raises:
        DatasetNotFoundError: No finished shards are there.
    """

    def __init__(self, path: Path | str, size: tuple[int, int] | None = None) -> None:
        self.store = Store(path)
        self.size = None if size is None else (int(size[0]), int(size[1]))

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> ErpSample:
        return decode_sample(self.store[index], self.size)


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
        dataset: Map-style data set of panoramas; may compute them (curation).
        out: Folder of the shards.
        seed: Seed of the order.
        chunk: Items per chunk; choose at least 2 x ranks x workers chunks for streaming readers.
        codec: How the distance is stored.
        rank: Number of this process.
        world: Number of processes.
        settings: Further values that the content depends on; another run must name the same.
        progress: Title of a progress display on stderr; None shows nothing.

    Returns:
        Number of chunks written; 0 if all were there.

    Raises:
        DataError: The folder holds shards of other settings.
    """
    order = np.random.default_rng(seed).permutation(len(dataset))

    def read(positions: range) -> Iterator[ShardRecord | CorruptSampleError]:
        for row in _read_rows(dataset, [int(order[position]) for position in positions]):
            yield row if isinstance(row, CorruptSampleError) else encode_sample(row, codec)

    plan = Plan(len(dataset), chunk, {"seed": seed, "codec": codec.name, **(settings or {})})
    return write_chunks(out, plan, read, rank, world, progress)


def finish(out: Path | str) -> Store:
    """Write the index of shards; call after all ranks have packed.

    Raises:
        DataError: Chunks are missing.
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
        """Yield rows in the order of `indices`; what cannot be computed as its error."""


def _read_rows(
    dataset: MapDataset, indices: Sequence[int]
) -> Iterator[ErpSample | CorruptSampleError]:
    if isinstance(dataset, Batched):
        yield from dataset.rows(indices)
        return
    for index in indices:
        try:
            yield dataset[index]
        except CorruptSampleError as error:
            yield error
