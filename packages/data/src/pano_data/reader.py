"""The one reader: manifest row in, decoded sample out, in numpy or as tensors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from pano_data.cassini import cassini_to_erp, cassini_to_erp_faithful
from pano_data.decode import Label
from pano_data.errors import CorruptSampleError
from pano_data.manifest import Manifest, Row, read_manifest
from pano_data.quarantine import Quarantine
from pano_data.resize import Size, nearest, resize_label, resize_rgb
from pano_data.sample import ErpSample
from pano_data.stored import Decoded, read_stored

MAX_NEIGHBOURS = 8
"""Corrupt samples in a row after which a data set counts as broken."""


def read(row: Row, root: Path | str, size: Size | None = None) -> Decoded:
    """Decode a row: sentinels to masks at full size, then to distance, then resize with masks.

    Cassini maps come back as panoramas, resampled exactly unless ``row.faithful``.

    Args:
        row: A manifest row.
        root: Folder that the paths of the row are relative to.
        size: ``(height, width)`` of the result; the stored size if None. Images are area-averaged
            (down) or interpolated (up); distance and masks take the nearest pixel, because a mean
            over an edge is a distance where nothing is.

    Raises:
        CorruptSampleError: Any file is missing or unusable, sizes differ, nothing is valid.
    """
    stored = read_stored(row, Path(root))
    if row.projection == "cassini":
        stored = _to_erp(stored)
    return stored if size is None or size == stored.rgb.shape[:2] else _resized(stored, size)


def _to_erp(stored: Decoded) -> Decoded:
    if stored.row.faithful:
        return _to_erp_faithful(stored)
    rgb, label = cassini_to_erp(stored.rgb, stored.label)
    _, kept = cassini_to_erp(stored.rgb, replace(stored.label, valid=stored.keep))
    return replace(stored, rgb=rgb, label=label, keep=kept.valid)


def _to_erp_faithful(stored: Decoded) -> Decoded:
    distance = cassini_to_erp_faithful(stored.label.distance)
    keep = cassini_to_erp_faithful(stored.keep.astype(np.float32)) > 0.999
    label = Label(distance, keep & (distance > 0), np.zeros(distance.shape, bool))
    rgb = cassini_to_erp_faithful(stored.rgb)
    return replace(stored, rgb=rgb, label=label, keep=keep)


def _resized(stored: Decoded, size: Size) -> Decoded:
    scale = np.diag((size[1] / stored.rgb.shape[1], size[0] / stored.rgb.shape[0], 1.0))
    return replace(
        stored,
        rgb=resize_rgb(stored.rgb, size, wrap=stored.row.projection != "pinhole"),
        label=resize_label(stored.label, size),
        intrinsics=None if stored.intrinsics is None else scale @ stored.intrinsics,
        keep=nearest(stored.keep, size),
    )


def to_tensors(decoded: Decoded) -> ErpSample:
    """Turn a decoded sample into tensors."""
    row, label = decoded.row, decoded.label
    image = torch.from_numpy(np.ascontiguousarray(decoded.rgb.transpose(2, 0, 1)))
    sample = ErpSample(
        image=image.float().div_(255),
        distance=torch.from_numpy(label.distance)[None],
        valid=torch.from_numpy(label.valid)[None],
        far=torch.from_numpy(label.far)[None],
        metric=torch.tensor(row.metric),
        key=row.key,
        dataset=row.dataset,
    )
    if decoded.intrinsics is not None:
        sample["intrinsics"] = torch.from_numpy(decoded.intrinsics).float()
    if row.depth is None:
        sample["keep"] = torch.from_numpy(decoded.keep)[None]
    return sample


class ManifestDataset(Dataset[ErpSample]):
    """Map-style data set over a manifest.

    Rows of perspective images give their native pinhole sample with ``intrinsics``; the curation
    engine lifts those to panoramas. Rows without label give ``keep``.

    Args:
        manifest: Path of a manifest, or one in memory.
        root: Folder that the paths of the rows are relative to.
        size: ``(height, width)`` of the samples; the stored sizes if None.
        quarantine: File that corrupt samples are written to; the next usable row stands in for
            them, which keeps the order of samples a function of the index alone. For training:
            a score must not count one image twice, so evaluate what ``pano_data.sift`` keeps.
            Without it, a corrupt sample raises.
        labelled: False reads the pictures and their masks only, as of rows without label.

    Raises:
        DatasetNotFoundError: If there is no manifest.
        CorruptSampleError: From ``__getitem__``, with path and reason: without quarantine at once,
            with it after ``MAX_NEIGHBOURS`` corrupt rows in a row.
    """

    def __init__(
        self,
        manifest: Path | str | Manifest,
        root: Path | str,
        size: Size | None = None,
        quarantine: Path | str | None = None,
        labelled: bool = True,
    ) -> None:
        self.labelled = labelled
        self.manifest = manifest if isinstance(manifest, Manifest) else read_manifest(manifest)
        self.root = Path(root)
        self.size = None if size is None else (int(size[0]), int(size[1]))
        self.quarantine = None if quarantine is None else Quarantine(quarantine)

    def __len__(self) -> int:
        return len(self.manifest)

    def __getitem__(self, index: int) -> ErpSample:
        if self.quarantine is None:
            return self._sample(self.manifest[index])
        for step in range(MAX_NEIGHBOURS):
            row: Row = self.manifest[(index + step) % len(self)]
            try:
                return self._sample(row)
            except CorruptSampleError as error:
                self.quarantine.add(row, error)
        raise CorruptSampleError(
            self.root,
            "many corrupt samples",
            f"{MAX_NEIGHBOURS} in a row from {self.manifest[index].key}; see {self.quarantine.path}",
        )

    def _sample(self, row: Row) -> ErpSample:
        if not self.labelled:
            row = replace(row, depth=None, encoding="none", kind="none")
        return to_tensors(read(row, self.root, self.size))
