"""Masks of a data set as PNG files (255 = usable, 0 = not): written, read, applied to its rows.

Interrupted runs resume, processes share the work.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pano_data.errors import CorruptSampleError, DataError, DatasetNotFoundError
from pano_data.io.encode import write_png
from pano_data.io.images import read_mask
from pano_data.io.paths import join_inside
from pano_data.manifest import Manifest, Row
from pano_data.progress import track
from pano_data.quarantine import CorruptEntry, Quarantine
from pano_data.sample import MapDataset
from pano_data.sampler import shard_indices


class MaskFolder:
    """One PNG per key; keys may contain `/` and become subfolders.

    PNG, not JPEG: lossy masks hold 250 to 254, which a test for 255 takes as invalid.

    Args:
        path: Folder of the masks.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def file(self, key: str) -> Path:
        """Return where the mask of a key lies.

        Raises:
            DataError: The key would leave the folder.
        """
        join_inside(self.path, key)
        return self.path / f"{key}.png"

    def __contains__(self, key: str) -> bool:
        return self.file(key).is_file()

    def write(self, key: str, valid: NDArray[np.bool_]) -> None:
        """Store a mask `(h, w)`, True = usable."""
        write_png(self.file(key), np.where(valid, 255, 0).astype(np.uint8))

    def read(self, key: str) -> NDArray[np.bool_]:
        """Return the mask of a key, `(h, w)`.

        Raises:
            DatasetNotFoundError: No mask was written for it.
            CorruptSampleError: The file is damaged.
        """
        path = self.file(key)
        if not path.is_file():
            raise DatasetNotFoundError(
                f"mask of {key!r}", path, "masks", "pano_data.masks.write_masks"
            )
        return read_mask(path)


_LOG = logging.getLogger(__name__)
Masker = Callable[[NDArray[np.uint8]], NDArray[np.bool_]]

MIN_VALID = 0.2  # Depth Anywhere, appendix: images with less are dropped


def write_masks(
    masker: Masker,
    dataset: MapDataset,
    out: Path | str,
    rank: int = 0,
    world: int = 1,
    keys: Sequence[str] | None = None,
    on_corrupt: Callable[[int, CorruptSampleError], None] | None = None,
    progress: str | None = None,
) -> int:
    """Write the masks of this rank's rows that are not there yet; return how many.

    Args:
        masker: RGB `(h, w, 3)` uint8 -> usable `(h, w)` bool.
        dataset: Samples to mask; damaged samples get no mask and a warning.
        out: Folder of PNG masks.
        rank: Number of this process.
        world: Number of processes.
        keys: Keys of the rows, if known: what is masked already is then not even opened.
        on_corrupt: Called with number and error of each damaged sample, in place of the warning.
        progress: Title of a progress display on stderr; None shows nothing.

    Raises:
        DataError: Two rows share a key, and would share a mask.
    """
    _check_keys(keys or ())
    folder, written = MaskFolder(out), 0
    indices = shard_indices(len(dataset), rank, world)
    for index in track(indices, progress or "", shown=progress is not None):
        if keys is not None and keys[index] in folder:
            continue
        try:
            sample = dataset[index]
        except CorruptSampleError as error:
            (on_corrupt or _warn)(index, error)
            continue
        if sample["key"] not in folder:
            rgb = (sample["image"] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
            folder.write(sample["key"], masker(rgb))
            written += 1
    return written


def _check_keys(keys: Sequence[str]) -> None:
    twice = [key for key, count in Counter(keys).items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice)} keys name several rows, for example {twice[0]!r}: masks are stored by "
            "key, so mask one data set at a time"
        )


def _warn(index: int, error: CorruptSampleError) -> None:
    _LOG.warning("no mask for row %d: %s", index, error)


def masked_rows(
    rows: Manifest, out: Path | str, prefix: str, min_valid: float = MIN_VALID
) -> tuple[list[Row], list[CorruptEntry]] | None:
    """Sort the rows of a masked data set into those kept, with their mask, and those dropped.

    Args:
        rows: Rows that were masked.
        out: Folder with `masks/` and `quarantine.jsonl`, as the stage writes it.
        prefix: Path of `out` relative to the root of the rows.
        min_valid: Least usable share of a picture.

    Returns:
        Kept rows, and dropped ones with their reason; None while a row has neither mask nor entry
        in the quarantine, because other ranks are still at work.

    Source: Depth Anywhere, appendix: images under 20 % valid are removed.
    """
    folder = MaskFolder(Path(out) / "masks")
    damaged = {(e.dataset, e.key): e for e in Quarantine(Path(out) / "quarantine.jsonl")}
    kept: list[Row] = []
    dropped: list[CorruptEntry] = []
    for row in rows:
        if row.key in folder:
            share = float(folder.read(row.key).mean())
            if share >= min_valid:
                kept.append(replace(row, mask=f"{prefix}/masks/{row.key}.png"))
            else:
                detail = f"{share:.1%} of the pixels are usable, at least {min_valid:.0%} must be"
                dropped.append(CorruptEntry(row.key, "hardly usable", detail, row.dataset))
        elif (row.dataset, row.key) in damaged:
            dropped.append(damaged[row.dataset, row.key])
        else:
            return None
    return kept, dropped
