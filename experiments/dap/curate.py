"""Stage: the discriminator ranks pseudo-labels; the best of each environment are kept.

Any number of ranks.
"""

import dataclasses
import math
import sys
from pathlib import Path
from typing import Any, get_args

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar
from torch import Tensor
from torch.utils.data import DataLoader, Subset

from experiments.dap.environment import classify_mixed, keep_upright, sky_shares, sky_tilts
from experiments.dap.judge_folder import load_discriminator
from experiments.pipeline import data_files
from experiments.pipeline.params import ParamsError
from experiments.pipeline.processes import check_launched, set_threads
from experiments.pipeline.stage import run_stage
from pano_data import ManifestDataset, Row, shard_indices, workers, write_manifest
from pano_data.manifest import Environment
from pano_data.pseudo_labels import Selection, select_rows
from pano_models import CheckpointError, ModelNotFoundError, PatchDiscriminator


class Judge(LightningModule):
    """Scores labels, and measures their sky; nothing else."""

    def __init__(self, net: PatchDiscriminator) -> None:
        super().__init__()
        self.net = net
        # A rank may find nothing to score, e.g. one label and two ranks.
        self.allow_zero_length_dataloader_with_multiple_devices = True

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Return scores, shares and tilts of the sky `(b, 3)` of one batch."""
        known = batch["valid"] | batch["far"]
        maps = self.net.view(batch["image"], batch["distance"], known, batch["far"])
        score = self.net.score(maps, batch["valid"])
        skies = sky_shares(batch["far"]), sky_tilts(batch["far"])
        return torch.stack([score, *(part.to(score) for part in skies)], -1)


def score_rows(
    engine: Trainer,
    judge: Judge,
    data: ManifestDataset,
    batch_size: int,
    num_workers: int = 0,
    outdoors_from: float | None = None,
    max_tilt_deg: float | None = None,
) -> list[Row]:
    """Return a manifest's rows with the discriminator's score: high looks like truth.

    With `outdoors_from`, rows that do not say their environment get it from the sky of their label;
    with `max_tilt_deg`, rows whose sky is not above are left out.

    All ranks return the same. They share whole batches, those of a single process: what is scored
    together decides the last digit.
    """
    batches = shard_indices(
        math.ceil(len(data) / batch_size), engine.global_rank, engine.world_size
    )
    rows = range(len(data))
    own = [row for i in batches for row in rows[i * batch_size : (i + 1) * batch_size]]
    loader = DataLoader(
        Subset(data, own),
        batch_size=batch_size,
        num_workers=num_workers,
        worker_init_fn=workers.end_with_parent,
    )
    found: Any = engine.predict(judge, loader)
    values = torch.zeros(len(data), 3, device=engine.strategy.root_device)
    if own:
        values[own] = torch.cat([part.to(values) for part in found])
    values = engine.strategy.reduce(values, reduce_op="sum")  # to each row the others add zero
    scores, skies, tilts = values.unbind(-1)
    listed = [
        dataclasses.replace(row, score=score)
        for row, score in zip(data.manifest, scores.tolist(), strict=True)
    ]
    if outdoors_from is not None:
        listed = classify_mixed(listed, skies.tolist(), outdoors_from)
    return listed if max_tilt_deg is None else keep_upright(listed, tilts.tolist(), max_tilt_deg)


def curate(
    discriminator: str,
    manifests: list[str],
    root: str,
    out: str,
    keep: dict[str, int],
    by: Selection = "score",
    outdoors_from: float | None = None,
    max_tilt_deg: float | None = None,
    seed: int = 0,
    size: tuple[int, int] = (512, 1024),
    batch_size: int = 8,
    num_workers: int = 0,
    threads: int = 2,
    trainer: dict[str, Any] | None = None,
) -> None:
    """Write the manifest of the selected rows, on rank 0 when all ranks have scored their share.

    Args:
        discriminator: Folder of the trained discriminator.
        manifests: Pseudo-labelled rows.
        root: Root of the manifests' paths.
        out: The new manifest.
        keep: Environment -> number of rows; rows of others are left out.
        by: By score, or at random (the ablation).
        outdoors_from: Rows that say `mixed` count as outdoor where at least this share of the upper
            half of the sphere is far in their label, else as indoor; None leaves them mixed.
        max_tilt_deg: Labels whose sky lies farther than this from the zenith, in the mean, are left
            out: cameras upside down or on their side. None keeps all.
        seed: Of the random selection.
        size: Size the discriminator sees.
        batch_size: Labels a forward pass.
        num_workers: Loader processes.
        threads: CPU threads; fixes the last digits.
        trainer: Arguments of the Trainer: devices, nodes, strategy.

    Raises:
        ParamsError: `keep` names what is no environment.
    """
    if wrong := sorted(set(keep) - set(get_args(Environment))):
        known = ", ".join(get_args(Environment))
        raise ParamsError(f"keep.{wrong[0]}: no such environment, expected {known}")
    set_threads(threads)
    engine = Trainer(
        logger=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        callbacks=[RichProgressBar()],
        **(trainer or {}),
    )
    check_launched(engine.world_size)
    judge = Judge(load_discriminator(discriminator))
    rows = [
        row
        for manifest in manifests
        for row in score_rows(
            engine,
            judge,
            ManifestDataset(manifest, root, size),
            batch_size,
            num_workers,
            outdoors_from,
            max_tilt_deg,
        )
    ]
    if engine.is_global_zero:
        kept = list(select_rows(rows, keep, by, seed))
        write_manifest(out, kept)
        digest = data_files.digest_rows(kept, Path(root))
        data_files.write_digests(Path(out).parent, {Path(out).stem: digest})


if __name__ == "__main__":
    run_stage(curate, sys.argv[1], sys.argv[2:], CheckpointError, ModelNotFoundError)
