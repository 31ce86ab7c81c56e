"""Options of a run; what `validate`, `test` and `predict` start from; the files of `predict`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter
from lightning.pytorch.cli import LightningArgumentParser

from experiments.pipeline.run_folder import FINISHED, RunFolderError
from pano_data import replace_file
from pano_data.io.paths import join_inside

PUBLISHED = Path("checkpoints/final.ckpt")
"""Weights of a finished training, within its folder."""

NOT_MAPS = ("key", "dataset")
"""What `predict_step` returns beside its maps."""


def add_run_arguments(parser: LightningArgumentParser) -> None:
    """Declare the options of a run that belong to no class."""
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; fixes the digits")
    parser.add_argument(
        "--checkpoint_every", type=int, default=100, help="steps between checkpoints"
    )
    parser.add_argument("--panels", type=int, default=2, help="pictures per validation set")
    parser.add_argument("--patience", type=int, default=10, help="non-finite steps before stopping")
    parser.add_argument(
        "--global_batch", type=int | None, default=None,
        help="samples per step over all ranks; sets how many batches are accumulated",
    )  # fmt: skip
    parser.add_argument(
        "--log_samples", type=bool, default=False, help="note the keys of every batch"
    )
    parser.add_argument(
        "--monitor", type=str | None, default=None,
        help="validation metric (smaller is better) by which a registered version is `best`",
    )  # fmt: skip
    parser.add_argument(
        "--seen_suites", type=list[str], default=[],
        help="suites whose test sets the training may hold; it is not scored on them",
    )  # fmt: skip
    parser.add_argument("--run_name", type=str | None, default=None, help="legend in MLflow")
    parser.add_argument("--tags", type=dict[str, str], default={}, help="tags of the MLflow run")


def complete_config(subcommand: str, section: str, config: Any) -> None:
    """Complete the configuration of a subcommand that does not train.

    Without `--ckpt_path` the published network is looked at, never one of random weights.

    Raises:
        RunFolderError: There is no network, or nothing to predict.
    """
    published = FINISHED / section / PUBLISHED
    if config.ckpt_path is None and not published.is_file():
        raise RunFolderError(
            f"got no {published} and no --ckpt_path: train first (`fit`), or name a checkpoint"
        )
    config.ckpt_path = config.ckpt_path or str(published)
    if subcommand == "test" and not config.data.test:
        config.data.test = config.data.val  # sections name one group of sets to be scored on
    if subcommand == "predict":
        config.return_predictions = False  # they are written, not kept
        if not config.data.predict:
            raise RunFolderError(
                'got no sources in data.predict: give e.g. --data.predict "{mine: {manifest: FILE, '
                'root: FOLDER}}"; pictures without a manifest: `panodepth predict`'
            )


class MapWriter(BasePredictionWriter):
    """Writes `<folder>/<data set>/<key>.npz`, one array `(h, w)` float32 for each predicted map.

    Args:
        folder: Where to; ranks write side by side.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(write_interval="batch")
        self.folder = folder

    def write_on_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        prediction: dict[str, Any],
        batch_indices: Sequence[int] | None,
        batch: dict[str, Any],
        batch_idx: int,
        dataloader_idx: int,
    ) -> None:
        """Write one file per panorama."""
        maps = {k: v.float().cpu().numpy() for k, v in prediction.items() if k not in NOT_MAPS}
        for i, (dataset, key) in enumerate(zip(batch["dataset"], batch["key"], strict=True)):
            path = join_inside(self.folder, f"{dataset}/{key}.npz")  # shards name what they like
            with replace_file(path) as part, part.open("wb") as file:
                np.savez_compressed(file, **{name: values[i, 0] for name, values in maps.items()})
