"""Stage: what is usable of unlabelled panoramas, as PNG masks.

Pictures with little of it are dropped.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from experiments.pipeline import data_files
from experiments.pipeline.closure.digest import code_digest, own_code
from experiments.pipeline.processes import global_rank, set_threads, world_size
from experiments.pipeline.run_folder import plain_values, prepare_folder
from experiments.pipeline.stage import run_stage
from pano_data import (
    CorruptSampleError,
    DataError,
    Manifest,
    ManifestDataset,
    Masker,
    Quarantine,
    RuleMasker,
    manifest_of,
    masked_rows,
    read_manifest,
    remove_all_parts,
    write_manifest,
    write_masks,
    write_text,
)
from pano_data.masks.storage import MIN_VALID


def mask(
    manifest: str,
    root: str,
    out: str,
    data_root: str = "data",
    masker: Masker | None = None,
    size: tuple[int, int] | None = None,
    min_valid: float = MIN_VALID,
    threads: int = 2,
) -> None:
    """Write `masks/`, `manifest.parquet`, `contents.json` and `dropped.json` below `out`.

    Masks that are there are not made again, so a killed run resumes where it stopped. Under
    torchrun or SLURM every process masks its own share, and the last to come writes the manifest.

    Args:
        manifest: Rows to mask.
        root: Root of the manifest's paths, below `data_root`.
        out: Folder of the result, below `data_root`.
        data_root: What the paths of the new manifest are relative to.
        masker: Picture to usable pixels: `pano_data.masks.RuleMasker` (default, no weights) or
            `pano_data.masks.GroundedMasker` (GroundingDINO and SAM, as in the paper).
        size: Size the masker sees; the stored one if not given.
        min_valid: Pictures with a smaller usable share are dropped.
        threads: CPU threads; fixes the last digits.

    Source: Depth Anywhere (arXiv 2406.12849), appendix: sky and watermark, 20 % valid.
    """
    set_threads(threads)
    masker = masker or RuleMasker()
    folder, rows = Path(out), _below(read_manifest(manifest), Path(root), Path(data_root))
    code = ("experiments.depth_anywhere.mask", *own_code([type(masker).__module__]))
    made_of = {
        "manifest": rows.digest,
        "pictures": data_files.read_digest(Path(manifest)),
        "masker": plain_values(masker),
        "size": size,
        "code": code_digest(*code),
    }
    prepare_folder(folder, made_of)
    pictures, quarantine = (
        ManifestDataset(rows, data_root, size),
        Quarantine(folder / "quarantine.jsonl"),
    )

    def note(index: int, error: CorruptSampleError) -> None:
        quarantine.add(rows[index], error)

    write_masks(
        masker, pictures, folder / "masks",
        global_rank(), world_size(), [row.key for row in rows], note,
        f"masking {folder.name}" if global_rank() == 0 else None,
    )  # fmt: skip
    prefix = folder.relative_to(data_root).as_posix()
    done = masked_rows(rows, folder, prefix, min_valid)
    if done is None:
        return  # another rank is still at work and will finish
    remove_all_parts(folder, ".png")  # every mask is there: nobody writes one any more
    kept, dropped = done
    text = json.dumps([asdict(entry) for entry in dropped], indent=1)
    write_text(folder / "dropped.json", text + "\n")
    write_manifest(folder / "manifest.parquet", kept)
    data_files.write_digests(folder, {"manifest": data_files.digest_rows(kept, Path(data_root))})


def _below(rows: Manifest, root: Path, data_root: Path) -> Manifest:
    """Return the rows with paths relative to the root of all data."""
    masked = [row.key for row in rows if row.mask is not None]
    if masked:
        raise DataError(
            f"{len(masked)} rows have a mask already, e.g. {masked[0]!r}; a row holds one mask: "
            "leave these rows out of the stage"
        )
    prefix = root.relative_to(data_root).as_posix()
    return manifest_of(
        replace(
            row,
            image=f"{prefix}/{row.image}",
            depth=None if row.depth is None else f"{prefix}/{row.depth}",
        )
        for row in rows
    )


if __name__ == "__main__":
    run_stage(mask, sys.argv[1], sys.argv[2:])
