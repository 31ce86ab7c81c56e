"""A sample as a record of a shard, and back; the data set that reads a folder of them."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from pano_data.decode import Label, resize_label
from pano_data.errors import CorruptSampleError, DataError
from pano_data.reader import resize_rgb
from pano_data.sample import ErpSample
from pano_data.shards.distance_codec import DistanceCodec, decode_distance, encode_distance
from pano_data.shards.store import Store

Record = dict[str, Any]
JPEG_QUALITY = 95  # 40 dB on panoramas; the sources are mostly JPEG themselves


def encode_sample(sample: ErpSample, codec: DistanceCodec = DistanceCodec.LOG16) -> Record:
    """Return the record of a panorama: JPEG, distance codec, names.

    Args:
        sample: see `ErpSample`.
        codec: of the distance.
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


def decode_sample(record: Record, size: tuple[int, int] | None = None) -> ErpSample:
    """Return the sample of a record, resized by the rules of the reader if `size` is given.

    Raises:
        CorruptSampleError: the record is damaged.
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
        rgb, label = resize_rgb(rgb, size, wrap=True), resize_label(label, size)
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
        path: folder that `pack` and `finish` wrote.
        size: height and width of the samples; as stored if None.

    Raises:
        DatasetNotFoundError: no finished shards are there.
    """

    def __init__(self, path: Path | str, size: tuple[int, int] | None = None) -> None:
        self.store = Store(path)
        self.size = None if size is None else (int(size[0]), int(size[1]))

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, index: int) -> ErpSample:
        return decode_sample(self.store[index], self.size)
