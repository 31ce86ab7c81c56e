"""The one reader: manifest row in, decoded sample out, in numpy or as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

import pano_geometry as pg
from pano_data.decode import (
    Label,
    Size,
    cassini_to_erp,
    cassini_to_erp_faithful,
    decode,
    resize_label,
)
from pano_data.errors import CorruptSampleError
from pano_data.io.depth import read_depth
from pano_data.io.images import read_mask, read_rgb
from pano_data.io.pictures.picture import EXACT, read_picture
from pano_data.manifest import Manifest, Row, read_manifest
from pano_data.quarantine import Quarantine
from pano_data.sample import ErpSample, MapDataset, TrainSample
from pano_data.sampler import Draw
from pano_data.transforms import Augmentation

MAX_NEIGHBOURS = 8
"""Consecutive corrupt samples after which a data set counts as broken."""

OWN_SIZE = ("measured", "pseudo")
"""Labels of a device or a model, which may be larger or smaller than the picture."""


@dataclass(frozen=True, slots=True)
class DecodedSample:
    """A sample in numpy.

    Attributes:
        row: The manifest row it came from.
        rgb: `(h, w, 3)` uint8.
        label: Distance, valid and far at the same size; nothing is valid where there is no label.
        intrinsics: `(3, 3)` float64 in pixels of this size, or None for panoramas.
        keep: `(h, w)` bool, what the mask of the row leaves (all without a mask).
    """

    row: Row
    rgb: NDArray[np.uint8]
    label: Label
    intrinsics: NDArray[np.float64] | None
    keep: NDArray[np.bool_]


class TrainingSet(Dataset[TrainSample]):
    """Several data sets addressed by `Draw`, augmented by the seed of the draw.

    Args:
        labelled: Data sets in the order of the labelled mix.
        unlabelled: Data sets in the order of the unlabelled mix.
        augment: Applied to every sample, or None.
    """

    def __init__(
        self,
        labelled: Sequence[MapDataset],
        unlabelled: Sequence[MapDataset] = (),
        augment: Augmentation | None = None,
    ) -> None:
        self.labelled, self.unlabelled = tuple(labelled), tuple(unlabelled)
        self.augment = augment

    def __getitem__(self, draw: Draw) -> TrainSample:
        """Read, augment and tag the sample of one draw."""
        sources = self.labelled if draw.labelled else self.unlabelled
        sample = sources[draw.source][draw.row]
        if self.augment is not None:
            sample = self.augment(sample, torch.Generator().manual_seed(draw.seed))
        tagged: Any = {**sample, "labelled": draw.labelled, "seed": draw.seed}
        return tagged  # type: ignore[no-any-return]


class ManifestDataset(Dataset[ErpSample]):
    """Map-style data set over a manifest.

    Rows of perspective images give their native pinhole sample with `intrinsics`; the curation
    engine lifts those to panoramas. Rows without label give `keep`.

    Args:
        manifest: Path of a manifest, or one in memory.
        root: Folder that the paths of the rows are relative to.
        size: `(height, width)` of the samples; the stored sizes if None.
        quarantine: File that corrupt samples are written to; the next usable row stands in for
            them, which keeps the order of samples a function of the index alone. For training:
            a score must not count one image twice, so evaluate what `screen_manifest` keeps.
            Without it, a corrupt sample raises.
        labelled: False reads the pictures and their masks only, as of rows without label.

    Raises:
        DatasetNotFoundError: If there is no manifest.
        CorruptSampleError: From `__getitem__`, with path and reason: without quarantine at once,
            with it after `MAX_NEIGHBOURS` consecutive corrupt rows.
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
        neighbours = 1 if self.quarantine is None else MAX_NEIGHBOURS
        for step in range(neighbours):
            # One row is its own neighbour: an index beyond the end must raise, not wrap around.
            row: Row = self.manifest[index if not step else (index + step) % len(self.manifest)]
            if not self.labelled:
                row = replace(row, depth=None, encoding="none", kind="none")
            try:
                return to_tensors(read(row, self.root, self.size))
            except CorruptSampleError as error:
                if self.quarantine is None:
                    raise
                self.quarantine.add(row, error)
        assert self.quarantine is not None
        raise CorruptSampleError(
            self.root,
            "many corrupt samples",
            f"{MAX_NEIGHBOURS} in a row from {self.manifest[index].key}; "
            f"see {self.quarantine.path}",
        )


def read(
    row: Row, root: Path | str, size: Size | None = None, keep_projection: bool = False
) -> DecodedSample:
    """Decode a row: sentinels to masks at full size, then to distance, then resize with masks.

    Args:
        row: A manifest row.
        root: Folder that the paths of the row are relative to.
        size: `(height, width)` of the result; the stored size if None. Images go through
            `pano_geometry.resize`; distance and masks take the nearest pixel, because a mean over
            an edge is a distance where nothing is.
        keep_projection: Leave Cassini maps as they are stored. Otherwise they come back as
            panoramas, resampled exactly unless `row.faithful`.

    Raises:
        CorruptSampleError: Any file is missing or unusable, sizes differ, nothing is valid.
    """
    root = Path(root)
    path = root / row.image
    rgb = read_rgb(path) if path.suffix.lower() in EXACT else read_picture(path).rgb
    full = rgb.shape[0], rgb.shape[1]
    keep = read_row_mask(row, root, full)
    if row.depth is None:
        nothing = np.zeros(full, bool)
        label = Label(np.zeros(full, np.float32), nothing, nothing.copy())
    else:
        native = read_depth(root / row.depth, row.encoding)
        if row.label in OWN_SIZE and _same_shape(native.shape, full):
            native = pg.resize(native, full, "nearest")
        if native.shape != full:
            raise CorruptSampleError(
                root / row.depth,
                "size mismatch",
                f"the label is {native.shape}, its image {row.image} is {full}",
            )
        label = decode(native, row, keep)
    K = None if row.intrinsics is None else np.asarray(row.intrinsics).reshape(3, 3)
    decoded = DecodedSample(row, rgb, label, K, keep)
    if row.projection == "cassini" and not keep_projection:
        decoded = _convert_cassini(decoded)
    return decoded if size is None else resize(decoded, size)


def _same_shape(one: tuple[int, ...], other: tuple[int, int]) -> bool:
    """Tell whether two maps may be of one picture: a side off by a rounding, no more."""
    return abs(one[0] * other[1] - one[1] * other[0]) < 2 * max(*one, *other)


def read_row_mask(row: Row, root: Path, size: Size) -> NDArray[np.bool_]:
    """Read the mask of a row at the size of its image; all True without a mask."""
    if row.mask is None:
        return np.ones(size, bool)
    # Masks may be stored at another size.
    keep: NDArray[np.bool_] = pg.resize(read_mask(root / row.mask), size, "nearest")
    return keep


def _convert_cassini(stored: DecodedSample) -> DecodedSample:
    if stored.row.faithful:
        distance = cassini_to_erp_faithful(stored.label.distance)
        keep = cassini_to_erp_faithful(stored.keep.astype(np.float32)) > 0.999
        label = Label(distance, keep & (distance > 0), np.zeros(distance.shape, bool))
        return replace(stored, rgb=cassini_to_erp_faithful(stored.rgb), label=label, keep=keep)
    rgb, label = cassini_to_erp(stored.rgb, stored.label)
    _, kept = cassini_to_erp(stored.rgb, replace(stored.label, valid=stored.keep))
    return replace(stored, rgb=rgb, label=label, keep=kept.valid)


def resize(decoded: DecodedSample, size: Size) -> DecodedSample:
    """Resize picture, label, mask and intrinsics together."""
    height, width = decoded.rgb.shape[:2]
    if size == (height, width):
        return decoded
    scale = np.diag((size[1] / width, size[0] / height, 1.0))
    return replace(
        decoded,
        rgb=pg.resize(decoded.rgb, size, wrap=decoded.row.projection != "pinhole"),
        label=resize_label(decoded.label, size),
        intrinsics=None if decoded.intrinsics is None else scale @ decoded.intrinsics,
        keep=pg.resize(decoded.keep, size, "nearest"),
    )


def to_tensors(decoded: DecodedSample) -> ErpSample:
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
