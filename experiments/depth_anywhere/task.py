"""Depth Anywhere: labelled panoramas, and a teacher on rotated views of unlabelled ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from experiments.depth_anywhere.augmentation import PLAIN
from experiments.depth_anywhere.views import Views, random_turns, seeded
from experiments.training.task import Batch, DepthTask


class DepthAnywhereTask(DepthTask):
    """Trains a student on batches that are half labelled, half pseudo-labelled.

    The unlabelled half is turned at random and cut into perspective views; the teacher labels the
    views, the student's panorama is cut into the same views, and the two are compared view by view,
    up to scale and shift. The student sees the upright picture: only its prediction is turned. The
    teacher sees it without the student's changes of colour, where `PlainPicture` keeps it.
    Without unlabelled data (the paper's baseline) take the loss term `views` out as well.

    Args:
        teacher: Perspective network; `teacher(views)` gives `disparity_affine` `(n, 1, f, f)`.
        views: What a panorama is cut into.
        max_angle_deg: Each angle of the random rotation is uniform in ± this; 0 switches it off.
        per_sample: A rotation for every sample instead of one for the batch.
        stitched: Put the teacher's opinions of the faces together to a panorama, each in a scale
            and shift of its own, and compare panoramas: what the paper argues against (Fig. 4).
        seed: Seed of the rotations; with the step it decides each of them.
        **task: See `DepthTask`.

    Source: Depth Anywhere (arXiv 2406.12849) §3; one rotation per batch within ±45° as released.
    """

    def __init__(
        self,
        teacher: nn.Module,
        views: Views,
        max_angle_deg: float = 45.0,
        per_sample: bool = False,
        stitched: bool = False,
        seed: int = 0,
        **task: Any,
    ) -> None:
        super().__init__(**task)
        self.teacher = teacher.requires_grad_(False)
        self.views = views
        self.max_angle_deg = max_angle_deg
        self.per_sample = per_sample
        self.stitched = stitched
        self.seed = seed

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare half with the truth, half with the teacher's opinion of views."""
        labelled = int(batch["labelled"].sum())
        disparity = self(batch["image"])["disparity_affine"]
        maps = {
            "prediction": disparity[:labelled],
            "target": 1 / batch["distance"][:labelled].clamp(min=1e-3),
            "valid": batch["valid"][:labelled],
        }
        if labelled < len(disparity):
            maps |= self.views_of(batch, disparity, slice(labelled, None))
        total, terms = self.loss(**maps)
        return total, terms

    def samples_of(self, name: str, batch: Batch) -> slice:
        """Return the samples that a map is of: for views the unlabelled ones, which come last."""
        labelled = int(batch["labelled"].sum())
        return slice(labelled, None) if name.startswith("view_") else slice(labelled)

    def views_of(self, batch: Batch, disparity: Tensor, some: slice) -> dict[str, Tensor]:
        """Cut the same random views of prediction, teacher's opinion and mask."""
        rotation = self.rotations(len(disparity[some]))
        picture = batch[PLAIN] if PLAIN in batch else batch["image"]
        views = self.views.cut(picture[some], rotation)
        with torch.no_grad():
            opinion = self.run(self.teacher.eval(), views.flatten(0, 1))["disparity_affine"]
        if self.stitched:
            opinion = opinion.unflatten(0, views.shape[:2])
            return {
                "view_prediction": disparity[some],
                "view_target": self.views.stitch(opinion, disparity.shape[-2:], rotation),
                "view_valid": batch["valid"][some],
            }
        own = self.views.cut(disparity[some], rotation)
        return {
            "view_prediction": own / self.views.cosine(own),  # disparity of depth, not of distance
            "view_target": opinion.unflatten(0, own.shape[:2]),
            "view_valid": self.views.cut_mask(batch["valid"][some], rotation),
        }

    def rotations(self, samples: int) -> Tensor:
        """Return random rotations `(samples, 3, 3)` of this step."""
        generator = seeded(self.seed, self.global_step)
        turns = random_turns(samples if self.per_sample else 1, self.max_angle_deg, generator)
        return turns.expand(samples, 3, 3).to(self.device)
