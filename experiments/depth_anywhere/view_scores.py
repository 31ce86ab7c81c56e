"""How well a perspective teacher knows views of scenes it has not met."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from experiments.depth_anywhere.views import (
    LabelledViews,
    Views,
    cut_labelled,
    random_turns,
    seeded,
)
from pano_geometry.tensor_types import Float
from pano_losses import metrics
from pano_losses.alignment import least_squares_scale_shift
from pano_losses.reduction import masked_mean, safe_divide, safe_sqrt

NAMES = ("correlation", "absrel", "absrel_constant")
LEAST_VALID = 0.2
"""Share of a view that has to be labelled, or it is not scored."""
RANGE_M = 10.0
"""Range of indoor labels: truth beyond it is not scored, a fit beyond it is taken to be there."""


def score_views(
    disparity: Float[Tensor, "n 1 f f"], views: LabelledViews, cosine: Float[Tensor, "f f"]
) -> Float[Tensor, "n 3"]:
    """Return `NAMES` of each view; NaN where less than `LEAST_VALID` is labelled.

    Args:
        disparity: What a teacher says of the views, up to scale and shift.
        views: Their truth.
        cosine: Between the ray of a pixel and the axis of its view.

    Returns:
        The correlation of the disparity with the true one; AbsRel of the depth after the scale and
        shift of disparity that fit best; and the AbsRel of a constant distance, fitted alike.
    """
    target, valid = 1 / views.depth, views.valid
    sphere = (1 / cosine).expand_as(target)
    columns = (
        correlation(disparity, target, valid),
        _absrel(disparity, views),
        _absrel(sphere, views),
    )
    labelled = valid.flatten(1).float().mean(1, keepdim=True)
    return torch.where(labelled >= LEAST_VALID, torch.stack(columns, 1), torch.nan)


def correlation(a: Tensor, b: Tensor, valid: Tensor) -> Float[Tensor, "n"]:
    """Return Pearson's correlation over the valid pixels of each map; 0 where one is constant."""
    a, b = a.double(), b.double()
    a = a - masked_mean(a, valid).reshape(-1, 1, 1, 1)
    b = b - masked_mean(b, valid).reshape(-1, 1, 1, 1)
    spread = safe_sqrt(masked_mean(a * a, valid) * masked_mean(b * b, valid))
    return safe_divide(masked_mean(a * b, valid), spread)


def _absrel(disparity: Tensor, views: LabelledViews) -> Tensor:
    exact = disparity.double()
    fitted = least_squares_scale_shift(exact, 1 / views.depth.double(), views.valid).apply(exact)
    depth = 1 / fitted.clamp(min=1 / RANGE_M)
    return metrics.absrel.per_image(depth, views.depth.double(), views.valid)


class ViewScore(Metric):
    """Mean of `score_views` over the views of a data set, the same with any number of processes."""

    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.zeros(len(NAMES)), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros(()), dist_reduce_fx="sum")

    def update(self, scores: Float[Tensor, "n 3"]) -> None:
        """Add views."""
        kept = scores[scores.isfinite().all(1)]
        self.total = self.total + kept.sum(0).to(self.total)
        self.count = self.count + len(kept)

    def compute(self) -> dict[str, Tensor]:
        """Return `NAMES` and the number of views."""
        means = self.total / self.count  # NaN without a view
        return {**dict(zip(NAMES, means, strict=True)), "views": self.count}


class ViewScores(nn.Module):
    """One `ViewScore` per data set, in the place of the panoramas' `ValidationScores`.

    Args:
        datasets: Names, in the order of the loaders.
        views: What a panorama is cut into.
        max_angle_deg: See `random_turns`; the turns depend on the number of the batch alone.
        seed: Of the turns.
    """

    def __init__(
        self, datasets: Sequence[str], views: Views, max_angle_deg: float, seed: int = 0
    ) -> None:
        super().__init__()
        self.datasets, self.views = list(datasets), views
        self.max_angle_deg, self.seed = max_angle_deg, seed
        self.sums = nn.ModuleList(ViewScore() for _ in datasets)
        self._batches = [0] * len(self.datasets)

    def update(self, loader: int, teacher: Any, batch: Mapping[str, Any]) -> None:
        """Add the views of a batch of labelled panoramas of the data set with this number."""
        generator = seeded(self.seed, self._batches[loader])
        self._batches[loader] += 1
        turns = random_turns(len(batch["image"]), self.max_angle_deg, generator)
        near = {**batch, "valid": batch["valid"] & (batch["distance"] <= RANGE_M)}
        views = cut_labelled(self.views, near, turns.to(batch["image"].device))
        disparity = teacher(views.image)["disparity_affine"]
        score = self.sums[loader]
        assert isinstance(score, ViewScore)
        score.update(score_views(disparity, views, self.views.cosine(disparity)))

    def compute_and_reset(self) -> dict[str, float]:
        """Return `<data set>/views/<name>`, and empty the sums. All ranks call it."""
        values: dict[str, float] = {}
        for name, score in zip(self.datasets, self.sums, strict=True):
            assert isinstance(score, ViewScore)
            values |= {f"{name}/views/{k}": float(v) for k, v in score.compute().items()}
            score.reset()
        self._batches = [0] * len(self.datasets)
        return values
