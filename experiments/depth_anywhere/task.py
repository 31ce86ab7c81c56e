"""Depth Anywhere: labelled panoramas, and a perspective teacher on rotated faces of unlabelled ones."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

import pano_geometry as pg
from experiments.common.task import Batch, DepthTask


class DepthAnywhereTask(DepthTask):
    """Trains a student on half labelled, half pseudo-labelled batches.

    The unlabelled half is rotated at random and cut into perspective views; the teacher labels the
    views, the student's panorama is cut into the same views, and both are compared up to scale and
    shift, view by view. The student never sees the rotated picture: only its prediction is rotated.

    Args:
        teacher: Perspective network; `teacher(views)` returns `disparity_affine` `(n, 1, f, f)`.
            Its weights are not trained.
        rig: Views a panorama is cut into: the six cube faces, or tangent patches.
        max_angle_deg: Each Euler angle of the random rotation is uniform in ± this; 0 switches it off.
        per_sample: A rotation for every sample instead of one for the batch.
        seed: Seed of the rotations; with the step number it decides each of them.
        **task: See `DepthTask`.

    Source: Depth Anywhere (arXiv 2406.12849) §3; one rotation a batch within ±45° as released.
    """

    def __init__(
        self,
        teacher: nn.Module,
        rig: pg.Rig,
        max_angle_deg: float = 45.0,
        per_sample: bool = False,
        seed: int = 0,
        **task: Any,
    ) -> None:
        super().__init__(**task)
        self.teacher = teacher.requires_grad_(False).eval()
        self.rig = rig
        self.max_angle_deg = max_angle_deg
        self.per_sample = per_sample
        self.seed = seed

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Half from the panoramas with truth, half from the views with the teacher's opinion."""
        labelled = int(batch["labelled"].sum())
        disparity = self.net(batch["image"])["disparity_affine"]
        image, seen = batch["image"][labelled:], batch["valid"][labelled:]
        rotation = self.rotations(len(image))
        views, usable = self.rig.cut(image, rotation), self.rig.cut_mask(seen, rotation)
        with torch.no_grad():
            opinion = self.teacher(views)["disparity_affine"]
        total, terms = self.loss(
            prediction=disparity[:labelled],
            target=1 / batch["distance"][:labelled],
            valid=batch["valid"][:labelled],
            view_prediction=self.rig.cut(disparity[labelled:], rotation) / self.rig.cosine,
            view_target=opinion,
            view_valid=usable,
        )
        return total, terms

    def rotations(self, samples: int) -> Tensor:
        """Random rotations `(samples, 3, 3)` of this step."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.global_step)
        angles = torch.rand(samples if self.per_sample else 1, 3, generator=generator) * 2 - 1
        angles = torch.deg2rad(angles * self.max_angle_deg).expand(samples, 3)
        return pg.euler_rotation(*angles.unbind(-1)).to(self.device)
