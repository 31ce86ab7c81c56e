"""DAP: metric distance with range masks, six losses, labelled and pseudo-labelled panoramas."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import pano_models
from experiments.training.task import Batch, DepthTask
from pano_models import DISTANCE_METRIC, RangeMasked, fill
from pano_models.outputs import range_of

SNAPSHOTS = "snapshots"
"""Folder of a labeler's earlier states, one for each step that `DapTask.snapshots` names."""


class DapTask(DepthTask):
    """Trains a network with a distance head and, unless `thresholds` is empty, range-mask heads.

    All three stages of DAP use it: the labeler on labelled panoramas, the second labeler on
    labelled and selected pseudo-labelled ones, and DAP itself on everything. What differs is the
    data. With `pano_models.RangeMasked` as the network it trains masks on any other of this
    package.

    A range is the target of its mask only: distance terms see every valid pixel, also beyond it.
    All masks that the network returns are trained, each towards "beyond its own range, or sky". The
    weight of each pixel is `M_distort` = cos(latitude), given by each term's weighting.

    Args:
        snapshots: Steps after which the network is kept, for `runs/<section>/snapshots/<step>`: the
            discriminator takes them for fakes of different quality.
        **task: See `DepthTask`.

    Source: DAP (arXiv 2512.16913):
        L = M_distort (1.0 SILog + 0.4 DF + 5.0 grad + 2.0 normal + 2.0 pts + 2.0 mask).
    """

    def __init__(self, snapshots: Sequence[int] = (), **task: Any) -> None:
        super().__init__(**task)
        self.snapshots = tuple(snapshots)

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Sum five terms on distance and one on the masks."""
        prediction = self(batch["image"])
        far, valid = batch["far"], batch["valid"]
        ranges = {key: reach for key in prediction if (reach := range_of(key)) is not None}
        masks = {"far": far}
        if ranges:
            beyond = [far | (valid & (batch["distance"] > reach)) for reach in ranges.values()]
            masks = {
                "far_probability": torch.cat([prediction[key] for key in ranges], 1),
                "far": torch.cat(beyond, 1),
            }
        if DISTANCE_METRIC in prediction:  # masks on a relative network: no term may ask for metres
            masks["prediction"] = prediction[DISTANCE_METRIC]
        total, terms = self.loss(target=batch["distance"], valid=valid, **masks)
        return total, terms

    def _start_from(self, folder: str) -> None:
        """Start from a finished network; masks on another network start from that one."""
        given = pano_models.load(folder)
        net = self.net
        if isinstance(net, RangeMasked) and not isinstance(given, RangeMasked):
            net = net.base
        fill(net, given.state_dict())

    def on_train_batch_end(self, *_: Any) -> None:
        """Keep the network beside the run's other state, where a resumed training finds it."""
        if self.trainer.global_step in self.snapshots and self.trainer.is_global_zero:
            size = self.trainer.datamodule.size  # type: ignore[attr-defined]
            pano_models.save(self.net, self._snapshot(self.trainer.global_step), size)

    def publish(self, folder: Path, size: tuple[int, int]) -> None:
        """Write the network, and its earlier states into `snapshots`."""
        super().publish(folder, size)
        for step in self.snapshots:
            shutil.copytree(self._snapshot(step), folder / SNAPSHOTS / f"{step:06d}")

    def _snapshot(self, step: int) -> Path:
        state: Any = self.trainer.checkpoint_callback
        return Path(state.dirpath) / SNAPSHOTS / f"{step:06d}"
