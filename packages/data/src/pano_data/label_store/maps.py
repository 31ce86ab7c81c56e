"""A store of named maps by sample key: what a network said about a picture."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pano_data.errors import DataError
from pano_data.shards.distance_codec import compress16, decompress16
from pano_data.shards.store import Store


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
        path: folder that `label` and `finish` wrote.

    Raises:
        DatasetNotFoundError: no finished store is there.
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
        """Which model wrote the label, as given to `label`."""
        found: dict[str, Any] = json.loads(self.store.find(key)["provenance"])
        return found

    def __getitem__(self, key: str) -> dict[str, Tensor]:
        """Return the maps of a sample, float32.

        Raises:
            DataError: no label was written for this key.
        """
        record = self.store.find(key)
        names = json.loads(record["names"])
        offsets = np.cumsum([0, *names.values()])
        data = bytes(record["maps"])
        return {
            name: decode_map(data[start:stop])
            for name, start, stop in zip(names, offsets, offsets[1:], strict=False)
        }
