"""The embedded stand-in for a perspective foundation model, trained on views of worlds."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import pano_geometry as pg
from experiments.depth_anywhere.view_scores import ViewScores
from experiments.depth_anywhere.views import (
    LabelledViews,
    Views,
    cut_labelled,
    random_turns,
    seeded,
)
from experiments.training.task import Batch, DepthTask


class TeacherTask(DepthTask):
    """Trains a perspective network to relative disparity, as Depth Anything is.

    It meets what it will label: all views of panoramas, turned as for the students. Validation
    scores it on views, see `view_scores`. At paper scale no teacher is trained: a published one is
    loaded.

    Args:
        views: What a panorama is cut into.
        max_angle_deg: Each angle of a panorama's random rotation is uniform in ± this.
        sizes: Sides in pixels that steps draw from, each as likely; empty: the views' own alone. A
            network that has met one size alone is worse at others.
        least_part: Least side of the middle of a view that is kept, as a share of it; each step
            draws its own. A cube face sees 90°, most cameras 50° to 75°.
        seed: Of all that is drawn; with the step it decides each.
        **task: See `DepthTask`.
    """

    def __init__(
        self,
        views: Views,
        max_angle_deg: float = 45.0,
        sizes: Sequence[int] = (),
        least_part: float = 1.0,
        seed: int = 0,
        **task: Any,
    ) -> None:
        super().__init__(**task)
        if not 0 < least_part <= 1:
            raise ValueError(f"least_part: got {least_part}, expected more than 0, at most 1")
        self.views = views
        self.max_angle_deg = max_angle_deg
        self.sizes, self.least_part = tuple(sizes), least_part
        self.seed = seed

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare the disparity of each view with the true one, up to scale and shift."""
        generator = seeded(self.seed, self.global_step)
        turns = random_turns(len(batch["image"]), self.max_angle_deg, generator).to(self.device)
        views = self._zoomed(cut_labelled(self.views, batch, turns), generator)
        total, terms = self.loss(
            prediction=self(views.image)["disparity_affine"],
            target=1 / views.depth,
            valid=views.valid,
        )
        return total, terms

    def _zoomed(self, views: LabelledViews, generator: torch.Generator) -> LabelledViews:
        """Return the middle of views at the size of this step; depth and angles stay true."""
        side = views.image.shape[-1]
        part, which = torch.rand(2, generator=generator).tolist()
        kept = round(side * (1 - part * (1 - self.least_part)))
        size = self.sizes[int(which * len(self.sizes))] if self.sizes else side
        first = (side - kept) // 2
        middle = [x[..., first : first + kept, first : first + kept] for x in views]
        if size == kept:
            return LabelledViews(*middle)
        image, depth, valid = middle
        resize = partial(pg.resize, size=(size, size), wrap=False)
        return LabelledViews(
            resize(image), resize(depth, mode="nearest"), resize(valid, mode="nearest")
        )

    def setup(self, stage: str) -> None:
        """Note which data sets are scored."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        names = data.test_names if stage == "test" else data.val_names
        self.scores = ViewScores(names, self.views, self.max_angle_deg)  # type: ignore[assignment]

    def publish(self, folder: Path, size: tuple[int, int]) -> None:
        """Write the network with the size of the views that it saw, not of their panoramas."""
        side = max(self.sizes, default=self.views.camera.height)
        super().publish(folder, (side, side))

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score the views of a batch of labelled panoramas."""
        self.scores.update(dataloader_idx, self, batch)  # type: ignore[arg-type]
