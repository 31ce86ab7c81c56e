"""Stage: a trained labeler labels every panorama of a data set once, on any number of ranks."""

import dataclasses
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from torch import Tensor, nn

import pano_models
from experiments.pipeline import data_files, held_out
from experiments.pipeline.closure.digest import code_digest, own_code
from experiments.pipeline.processes import check_launched, set_threads
from experiments.pipeline.stage import run_stage
from experiments.training.progress import progress_callback
from pano_data import (
    ErpDataModule,
    Quarantine,
    Row,
    Source,
    label_path,
    pseudo_row,
    read_manifest,
    remove_all_parts,
    write_manifest,
    write_pseudo_label,
    write_text,
)
from pano_models import CheckpointError, ModelNotFoundError

RowsByKey = dict[tuple[str, str], Row]
CODE = "experiments.dap.label"  # by its name also where `python -m` calls it `__main__`
UNLABELLED = "unlabelled.parquet"
"""What a run labels: fixed by rank 0 before any rank writes, so that all divide the same list."""
DAMAGED = "quarantine.jsonl"
"""Panoramas that cannot be read, with the reason; another row is labelled in their place, again."""


class Labeler(LightningModule):
    """Predict, and nothing else.

    Args:
        net: The network.
        size: Height and width that it sees and labels at.
    """

    def __init__(self, net: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.net, self.size = net, size
        # A rank may find nothing left to label, e.g. one panorama and two ranks.
        self.allow_zero_length_dataloader_with_multiple_devices = True

    def predict_step(self, batch: dict[str, Any], batch_idx: int) -> dict[str, Tensor]:
        """Return the maps of one batch."""
        return pano_models.Predictor(self.net, self.size)(batch["image"]).maps


class LabelWriter(BasePredictionWriter):
    """Writes each prediction as a label file as soon as it is made.

    Args:
        folder: Folder of the result: ``labels/`` and, while it runs, ``unlabelled.parquet``.
        rows: (data set, key) -> row of the panoramas.
        maker: Whose labels these are; labels of another maker are removed.
        far_threshold: Probability from which a pixel counts as far.
    """

    def __init__(self, folder: Path, rows: RowsByKey, maker: str, far_threshold: float) -> None:
        super().__init__(write_interval="batch")
        self.folder, self.rows, self.maker = folder, rows, maker
        self.far_threshold = far_threshold

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Rank 0 clears the folder and lists what is left to do, the other ranks wait for it."""
        super().setup(trainer, pl_module, stage)
        if trainer.is_global_zero:
            _start(self.folder, self.rows, self.maker)
        trainer.strategy.barrier()

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: dict[str, Tensor],
        batch_indices: Sequence[int] | None,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write one file per panorama."""
        distance = prediction["distance_metric"].float().cpu().numpy()
        nowhere = torch.zeros_like(prediction["distance_metric"])  # a labeler without range mask
        far = prediction.get("far_probability", nowhere).float().cpu().numpy() > self.far_threshold
        names = zip(batch["dataset"], batch["key"], strict=True)
        for name, metres, beyond in zip(names, distance, far, strict=True):
            write_pseudo_label(self.folder / "labels", self.rows[name], metres[0], beyond[0])


def label(
    model: str,
    manifest: str,
    root: str,
    out: str,
    data_root: str = "data",
    size: tuple[int, int] = (512, 1024),
    batch_size: int = 8,
    num_workers: int = 0,
    far_threshold: float = 0.5,
    keep_masks: bool = False,
    threads: int = 2,
    trainer: dict[str, Any] | None = None,
) -> None:
    """Write labels and their manifest below `out`; files that are there are not made again.

    A panorama that cannot be read gets no label and no row; `dropped.json` says why.

    Args:
        model: Folder of the labeler.
        manifest: Rows to label.
        root: Root of the manifest's paths, below `data_root`.
        out: Folder of the result, below `data_root`: `labels/` and `manifest.parquet`. Ranks on
            several nodes must see the same folder.
        data_root: What the paths of the new manifest are relative to.
        size: Size the labeler sees and labels at.
        batch_size: Panoramas a forward pass.
        num_workers: Loader processes.
        far_threshold: Probability from which a pixel counts as far.
        keep_masks: Labels keep the masks of their panoramas (a tripod, a watermark). Not by
            default: a mask of the sky would tell the next stage what its labeler did not see.
        threads: CPU threads; fixes the last digits.
        trainer: Arguments of the Trainer: devices, nodes, strategy.
    """
    set_threads(threads)
    folder = Path(out)
    rows = {(row.dataset, row.key): row for row in read_manifest(manifest)}
    network = pano_models.load(model)
    maker = _provenance(model, Path(manifest))
    code = code_digest(CODE, *own_code(type(part).__module__ for part in network.modules()))
    settings = f"{maker} size:{size[0]}x{size[1]} far:{far_threshold} code:{code[:16]}"
    data = ErpDataModule(
        predict={"panoramas": Source(manifest=str(folder / UNLABELLED), root=root)},
        quarantine=str(folder / DAMAGED),
        size=size,
        eval_batch_size=batch_size,
        num_workers=num_workers,
    )
    engine = Trainer(
        logger=False,
        enable_checkpointing=False,
        use_distributed_sampler=False,
        callbacks=[
            LabelWriter(folder, rows, settings, far_threshold),
            progress_callback(folder.name),
        ],
        **(trainer or {}),
    )
    check_launched(engine.world_size)
    engine.predict(Labeler(network, size), data, return_predictions=False)
    engine.strategy.barrier()
    if engine.is_global_zero:
        if not keep_masks:
            rows = {name: dataclasses.replace(row, mask=None) for name, row in rows.items()}
        _finish(folder, rows, Path(root), Path(data_root), maker)


def _start(folder: Path, rows: RowsByKey, maker: str) -> None:
    note, labels = folder / "labeler", folder / "labels"
    if labels.is_dir() and not (note.is_file() and note.read_text() == maker):
        shutil.rmtree(labels)  # labels of another model are not mixed with ours
        (folder / DAMAGED).unlink(missing_ok=True)  # of other data, maybe
    remove_all_parts(labels, ".png")
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(maker)  # last: if this is interrupted, the next run clears again
    write_manifest(folder / UNLABELLED, _unlabelled(folder, rows))


def _unlabelled(folder: Path, rows: RowsByKey) -> list[Row]:
    """Return the rows that have neither label nor entry in the quarantine."""
    damaged = {(entry.dataset, entry.key) for entry in Quarantine(folder / DAMAGED)}
    left = [row for name, row in rows.items() if name not in damaged]
    return [row for row in left if not (folder / "labels" / label_path(row)).is_file()]


def _finish(folder: Path, rows: RowsByKey, root: Path, data_root: Path, maker: str) -> None:
    missing = [row.key for row in _unlabelled(folder, rows)]
    if missing:
        raise RuntimeError(f"{len(missing)} panoramas have no label, e.g. {missing[:3]}; run again")
    (folder / UNLABELLED).unlink()
    for suffix in (".parquet", ".json"):  # the other ranks are done: a part is of a killed process
        remove_all_parts(folder, suffix)
    dropped = {(entry.dataset, entry.key): entry for entry in Quarantine(folder / DAMAGED)}
    text = json.dumps([dataclasses.asdict(entry) for entry in dropped.values()], indent=1)
    write_text(folder / "dropped.json", text + "\n")
    image_prefix = root.relative_to(data_root).as_posix()
    label_prefix = (folder / "labels").relative_to(data_root).as_posix()
    kept = [row for name, row in rows.items() if name not in dropped]
    made = [pseudo_row(row, image_prefix, label_prefix, maker) for row in kept]
    write_manifest(folder / "manifest.parquet", made)
    data_files.write_digests(folder, {"manifest": data_files.digest_rows(made, data_root)})


def _provenance(model: str, manifest: Path) -> str:
    """Say who labelled what: the labeler's weights and seen suites, notes on the panoramas."""
    weights = Path(model) / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()[:16] if weights.is_file() else ""
    panoramas = data_files.read_digest(manifest)
    data = f" data:{panoramas[:16]}" if panoramas else ""
    return f"{model} sha256:{digest}{data}{held_out.seen_note(model)}"


if __name__ == "__main__":
    run_stage(label, sys.argv[1], sys.argv[2:], CheckpointError, ModelNotFoundError)
