"""Writing the masks of a whole data set; interrupted runs go on, processes share the work."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError
from pano_data.keyed import MapDataset
from pano_data.manifest import Manifest, manifest_of
from pano_data.masks.folder import MaskFolder
from pano_data.sampler import shard_indices

_LOG = logging.getLogger(__name__)
Masker = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]

MIN_VALID = 0.2  # Depth Anywhere, appendix: images with less are dropped


def write_masks(
    masker: Masker, dataset: MapDataset, out: Path | str, rank: int = 0, world: int = 1
) -> int:
    """Write the masks of this rank's rows that are not there yet; return how many.

    Args:
        masker: RGB ``(h, w, 3)`` uint8 -> usable ``(h, w)`` bool.
        dataset: what to mask; damaged samples get no mask and a warning.
        out: folder of PNG masks.
        rank: number of this process.
        world: number of processes.
    """
    folder, written = MaskFolder(out), 0
    for index in shard_indices(len(dataset), rank, world):
        try:
            sample = dataset[index]
        except CorruptSampleError as error:
            _LOG.warning("no mask: %s", error)
            continue
        if sample["key"] not in folder:
            rgb = (sample["image"] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
            folder.write(sample["key"], masker(rgb))
            written += 1
    return written


def keep_usable(rows: Manifest, masks: Path | str, min_valid: float = MIN_VALID) -> Manifest:
    """Return the rows of which at least `min_valid` of the pixels are usable.

    Rows without a mask (damaged pictures) are dropped too.

    Source: Depth Anywhere, appendix: images under 20 % valid are removed.
    """
    folder = MaskFolder(masks)
    kept = (r for r in rows if r.key in folder and folder.read(r.key).mean() >= min_valid)
    return manifest_of(kept)
