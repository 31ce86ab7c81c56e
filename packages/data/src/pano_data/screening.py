"""Find the corrupt samples of a manifest before a run meets them."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from pano_data.errors import CorruptSampleError
from pano_data.manifest import Manifest, Row, manifest_of
from pano_data.progress import track
from pano_data.quarantine import CorruptEntry, corrupt_entry
from pano_data.reader import read
from pano_data.workers import open_pool


def screen_manifest(
    manifest: Manifest,
    root: Path | str,
    min_valid: float = 0.0,
    workers: int = 0,
    progress: bool = False,
) -> tuple[Manifest, list[CorruptEntry]]:
    """Read every sample once and separate the usable ones from the corrupt ones.

    Args:
        manifest: Rows to examine.
        root: Folder that the paths of the rows are relative to.
        min_valid: Least share of usable or far pixels of a labelled image. 1 keeps the complete
            ones only, as DA² and Lotus do with Hypersim (39,649 of 59,543).
        workers: Processes; 0 reads in this one. The result does not depend on it.
        progress: Show progress on stderr.

    Returns:
        The usable rows, and what is wrong with each of the others.
    """
    examine = partial(_examine, root=Path(root), min_valid=min_valid)
    with open_pool(workers, [__name__]) as executor:
        results: Iterable[CorruptEntry | None] = (
            executor.map(examine, manifest, chunksize=16) if executor else map(examine, manifest)
        )
        found = list(track(results, "reading samples", len(manifest), progress))
    usable = (row for row, entry in zip(manifest, found, strict=True) if entry is None)
    return manifest_of(usable), [entry for entry in found if entry is not None]


def _examine(row: Row, root: Path, min_valid: float) -> CorruptEntry | None:
    try:
        label = read(row, root).label
        known = float((label.valid | label.far).mean())
        if row.depth is not None and known < min_valid:
            raise CorruptSampleError(row.key, "incomplete", f"{known:.2%} of the label is known")
    except CorruptSampleError as error:
        return corrupt_entry(row, error)
    return None
