"""The embedded stand-in for a perspective foundation model: trained on views cut from labelled worlds."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

import pano_geometry as pg
from experiments.depth_anywhere.views import Views
from experiments.training.task import Batch, DepthTask


class TeacherTask(DepthTask):
    """Trains a perspective network to relative disparity, as Depth Anything is.

    Views are cut from panoramas at random rotations: the teacher meets every direction, tilted too.
    At paper scale no teacher is trained: a published one is loaded.

    Args:
        views: What a panorama is cut into.
        views_per_panorama: How many of the views are used a step.
        seed: Seed of the rotations; with the step it decides each of them.
        **task: See `DepthTask`.
    """

    def __init__(
        self, views: Views, views_per_panorama: int = 2, seed: int = 0, **task: Any
    ) -> None:
        super().__init__(**task)
        self.views = views
        self.views_per_panorama = views_per_panorama
        self.seed = seed

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Affine-invariant L1 on the disparity of each view."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
        count = len(batch["image"])
        turns = pg.random_rotation(count, generator=generator).to(self.device)
        some = slice(0, self.views_per_panorama)
        image = self.views.cut(batch["image"], turns)[:, some].flatten(0, 1)
        distance = self.views.cut(batch["distance"], turns)[:, some].flatten(0, 1)
        valid = self.views.cut_mask(batch["valid"], turns)[:, some].flatten(0, 1)
        depth = distance * self.views.cosine(distance)
        total, terms = self.loss(
            prediction=self(image)["disparity_affine"],
            target=1 / depth.clamp(min=1e-3),
            valid=valid,
        )
        return total, terms

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A perspective network is not scored on panoramas."""
