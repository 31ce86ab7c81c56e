"""Stage: the discriminator ranks pseudo-labels; the best of each environment are kept."""

import dataclasses
import sys
from typing import Any

import torch
from rich.progress import track
from torch.utils.data import DataLoader

from experiments.common.environment import set_threads
from experiments.common.stage import stage_main
from experiments.dap.discriminator_task import load_discriminator
from pano_data.manifest import Row, read_manifest, write_manifest
from pano_data.pseudo_labels import Selection, select
from pano_data.reader import ManifestDataset
from pano_models import normalize_distance


@torch.inference_mode()
def scored(
    discriminator: str,
    manifest: str,
    root: str,
    size: tuple[int, int],
    batch_size: int,
    num_workers: int = 0,
    device: str = "cpu",
) -> list[Row]:
    """Rows of a manifest with the discriminator's score: near 1 looks like truth."""
    judge = load_discriminator(discriminator).to(device)
    rows = {row.key: row for row in read_manifest(manifest)}
    loader: DataLoader[Any] = DataLoader(
        ManifestDataset(manifest, root, size), batch_size=batch_size, num_workers=num_workers
    )
    result = []
    for batch in track(loader, "scoring labels", disable=not sys.stderr.isatty()):
        distance, valid = batch["distance"].to(device), batch["valid"].to(device)
        scores = judge.score(normalize_distance(distance, valid))
        for key, score in zip(batch["key"], scores.tolist(), strict=True):
            result.append(dataclasses.replace(rows[key], score=score))
    return result


def curate(
    discriminator: str,
    manifests: list[str],
    root: str,
    out: str,
    keep: dict[str, int],
    by: Selection = "score",
    seed: int = 0,
    size: tuple[int, int] = (512, 1024),
    batch_size: int = 8,
    num_workers: int = 0,
    device: str = "cpu",
    threads: int = 2,
) -> None:
    """Writes the manifest of the selected rows.

    Args:
        discriminator: Folder of the trained discriminator.
        manifests: Pseudo-labelled rows.
        root: Root of the manifests' paths.
        out: The new manifest.
        keep: Environment -> number of rows.
        by: By score, or at random (the ablation).
        seed: Of the random selection.
        size: Size the discriminator sees.
        batch_size: Labels a forward pass.
        num_workers: Loader processes.
        device: Where the discriminator runs, e.g. `cuda`.
        threads: CPU threads; fixes the last digits.
    """
    set_threads(threads)
    rows = [
        row
        for manifest in manifests
        for row in scored(discriminator, manifest, root, size, batch_size, num_workers, device)
    ]
    write_manifest(out, select(rows, keep, by, seed))


if __name__ == "__main__":
    stage_main(curate, sys.argv[1], sys.argv[2:])
