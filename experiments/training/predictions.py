"""What `python -m experiments.<paper> predict` leaves: the maps of every panorama, as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import BasePredictionWriter

from pano_data import replace_file

NOT_MAPS = ("key", "dataset")


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
        """One file a panorama."""
        maps = {k: v.float().cpu().numpy() for k, v in prediction.items() if k not in NOT_MAPS}
        for i, (dataset, key) in enumerate(zip(batch["dataset"], batch["key"], strict=True)):
            with (
                replace_file(self.folder / dataset / f"{key}.npz") as part,
                part.open("wb") as file,
            ):
                np.savez_compressed(file, **{name: values[i, 0] for name, values in maps.items()})
