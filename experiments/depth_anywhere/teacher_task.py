"""The embedded stand-in for a perspective foundation model, trained on views of worlds."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from experiments.depth_anywhere.turns import random_turns, seeded
from experiments.depth_anywhere.view_scores import ViewScores
from experiments.depth_anywhere.views import Views, cut_labelled
from experiments.training.task import Batch, DepthTask


class TeacherTask(DepthTask):
    """Trains a perspective network to relative disparity, as Depth Anything is.

    It meets what it will label: all views of panoramas, turned as for the students. Validation
    scores it on views, see `view_scores`. At paper scale no teacher is trained: a published one is
    loaded.

    Args:
        views: What a panorama is cut into.
        max_angle_deg: Each angle of a panorama's random rotation is uniform in ± this.
        seed: Seed of the rotations; with the step it decides each of them.
        **task: See `DepthTask`.
    """

    def __init__(
        self, views: Views, max_angle_deg: float = 45.0, seed: int = 0, **task: Any
    ) -> None:
        super().__init__(**task)
        self.views = views
        self.max_angle_deg = max_angle_deg
        self.seed = seed

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare the disparity of each view with the true one, up to scale and shift."""
        generator = seeded(self.seed, self.global_step)
        turns = random_turns(len(batch["image"]), self.max_angle_deg, generator).to(self.device)
        views = cut_labelled(self.views, batch, turns)
        total, terms = self.loss(
            prediction=self(views.image)["disparity_affine"],
            target=1 / views.depth,
            valid=views.valid,
        )
        return total, terms

    def setup(self, stage: str) -> None:
        """Note which data sets are scored."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        names = data.test_names if stage == "test" else data.val_names
        self.scores = ViewScores(names, self.views, self.max_angle_deg)  # type: ignore[assignment]

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score the views of a batch of labelled panoramas."""
        self.scores.update(dataloader_idx, self, batch)  # type: ignore[arg-type]
