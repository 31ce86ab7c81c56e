"""The network in the box: distance up to scale and sky, learned at several sizes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

import pano_geometry as pg
from experiments.training.task import Batch, DepthTask
from pano_models import DISTANCE_SCALE_INVARIANT, FAR_PROBABILITY

MAPS = ("image", "distance", "valid", "far")


class BoxTask(DepthTask):
    """Trains one network on rooms and streets, each batch at a size of its own.

    A photograph comes at any size. A network that has met one size alone is worse at others, so
    each step draws its size; validation runs at the data's.

    Args:
        sizes: Heights and widths that steps draw from, each as likely; empty: the data's alone.
        seed: Of the sizes; with the step it decides each of them.
        **task: See `DepthTask`.
    """

    def __init__(
        self, sizes: Sequence[tuple[int, int]] = (), seed: int = 0, **task: object
    ) -> None:
        super().__init__(**task)  # type: ignore[arg-type]
        self.sizes = tuple((int(height), int(width)) for height, width in sizes)
        self.seed = seed

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare distance over the valid pixels, and sky over all that are known."""
        maps = self.resized(batch)
        prediction = self(maps["image"])
        total, terms = self.loss(
            prediction=prediction[DISTANCE_SCALE_INVARIANT],
            target=maps["distance"],
            far_probability=prediction[FAR_PROBABILITY],
            far=maps["far"],
            valid=maps["valid"],
        )
        return total, terms

    def resized(self, batch: Batch) -> dict[str, Tensor]:
        """Return the maps of a batch at the size of this step.

        Labels take the nearest pixel: a mean over an edge is a distance where nothing is.
        """
        if not self.sizes:
            return {name: batch[name] for name in MAPS}
        size = self.sizes[self._draw()]
        labels = {name: pg.resize(batch[name], size, "nearest") for name in MAPS[1:]}
        return {"image": pg.resize(batch["image"], size), **labels}

    def _draw(self) -> int:
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
        return int(torch.randint(len(self.sizes), (), generator=generator))
