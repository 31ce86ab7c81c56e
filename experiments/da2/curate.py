"""Stage: perspective RGB-D becomes panoramas (P2E, out-painting), packed into shards.

Distance is never invented: it covers what the perspective picture saw, the rest is not valid.
"""

import experiments.prepare.common_instructions  # noqa: F401  before NumPy and torch

# isort: split
import sys
from pathlib import Path

from experiments.pipeline import data_files
from experiments.pipeline.closure.digest import code_digest
from experiments.pipeline.processes import global_rank, set_threads, world_size
from experiments.pipeline.run_folder import prepare_folder
from experiments.pipeline.stage import run_stage
from pano_data import P2E, CuratedDataset, ManifestDataset, Outpainter
from pano_data.shards import finish_if_whole, pack


def curate(
    manifest: str,
    root: str,
    out: str,
    picture_size: tuple[int, int],
    p2e: P2E,
    outpainter: Outpainter | None = None,
    seed: int = 0,
    chunk: int = 256,
    threads: int = 2,
    complete: bool = False,
) -> None:
    """Pack curated panoramas below `out`; a killed run resumes after its last whole chunk.

    Under torchrun or SLURM every process packs its own chunks, and the last to come writes the
    index. If ranks died, the same command again, by any number of processes, makes what is missing.

    Args:
        manifest: Perspective rows.
        root: Root of the manifest's paths.
        out: Folder of the shards.
        picture_size: Height and width at which the pictures are read.
        p2e: How and where pictures are projected.
        outpainter: Fills the rest of the picture; None leaves it black (DA² Table 3).
        seed: Of places, out-painter and order.
        chunk: Panoramas per chunk; 256 of 512x1024 make 64 to 128 MB.
        threads: CPU threads; fixes the last digits.
        complete: Leave out pictures that lack the label of a single pixel, which makes 39,649 of
            Hypersim's 59,543 (DA² Table 4; the rule is that of Lotus). `picture_size` must be the
            size of the pictures: a smaller map may miss a hole.
    """
    set_threads(threads)
    pictures = ManifestDataset(manifest, root, picture_size)
    panoramas = CuratedDataset(pictures, p2e, outpainter, seed, complete)
    settings: dict[str, object] = {
        "manifest": pictures.manifest.digest,
        "picture_size": list(picture_size),
        "p2e": str(p2e),
        "code": code_digest("experiments.da2.curate"),
        "outpainter": None if outpainter is None else outpainter.settings,
        "complete": complete,
    }
    made_of = {"pictures": data_files.read_digest(Path(manifest)), "seed": seed, "chunk": chunk}
    prepare_folder(Path(out), {**settings, **made_of})
    title = f"curating {Path(out).name}" if global_rank() == 0 else None
    pack(
        panoramas, out, seed, chunk, rank=global_rank(), world=world_size(), settings=settings,
        progress=title,
    )  # fmt: skip
    if finish_if_whole(out):
        chunks = sorted(path.name for path in Path(out).glob("*.bin"))
        data_files.write_digests(Path(out), {"index": data_files.digest_files(chunks, Path(out))})


if __name__ == "__main__":
    run_stage(curate, sys.argv[1], sys.argv[2:])
