"""How good a labeler's map is, and whether a score without truth follows that.

Patch by patch where the truth is known; Spearman's rank correlation by data set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn import functional

from pano_geometry.tensor_types import Bool, Float
from pano_losses import protocols, score_images
from pano_losses.reduction import fill_invalid, masked_median

WORST = 2.0
"""Logarithm of the ratio that the error of a pixel is cut at, and that of taking near for far."""


def patch_quality(
    metres: Float[Tensor, "b 1 h w"],
    far: Bool[Tensor, "b 1 h w"],
    truth: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    truly_far: Bool[Tensor, "b 1 h w"],
    grid: tuple[int, int],
    tolerance: float,
) -> Float[Tensor, "b 1 i j"]:
    """Return `exp(-error / tolerance)` of each patch: 1 is as good as the truth.

    The error of a pixel is `|ln(d / d*)|` after the median over the panorama is taken out: shape
    counts, scale does not. Where one says far and the other does not, it is `WORST`.

    Args:
        metres: Distances of the label.
        far: Where the label says far.
        truth: True distance.
        valid: Where the true distance is known.
        truly_far: Where the truth is far.
        grid: Rows and columns of patches.
        tolerance: Error at which the quality has fallen to 1/e.
    """
    both = valid & ~far & ~truly_far
    ratio = fill_invalid(metres, both).clamp(min=1e-3).log() - fill_invalid(truth, both).log()
    error = (ratio - masked_median(ratio, both).view(-1, 1, 1, 1)).abs().clamp(max=WORST)
    known = valid | truly_far
    error = torch.where(both, error, torch.where(known & (far != truly_far), WORST, 0.0))
    share = functional.adaptive_avg_pool2d(known.to(error.dtype), grid)
    mean = functional.adaptive_avg_pool2d(error, grid) / share.clamp(min=1e-6)
    return torch.exp(-mean / tolerance)


ERROR = "absrel"


class RankCorrelation:
    """Collects scores and true errors of labels; the same on any number of ranks.

    Args:
        datasets: Names, in the order of the loaders.
        protocol: Under which the error is measured.
    """

    def __init__(self, datasets: Sequence[str], protocol: str) -> None:
        self.datasets = list(datasets)
        self.protocol = protocols[protocol]
        self._pairs: list[list[Tensor]] = [[] for _ in self.datasets]

    def update(
        self,
        loader: int,
        score: Tensor,
        metres: Tensor,
        batch: Mapping[str, Any],
    ) -> None:
        """Add the labels `(b, 1, h, w)` of a batch of the data set with this number.

        Args:
            loader: Number of the data set.
            score: `(b,)`, high for a good label.
            metres: The labels.
            batch: Truth of the same panoramas.
        """
        found = score_images(
            metres, batch["distance"], batch["valid"], self.protocol, far=batch["far"]
        )
        error = found.values(self.protocol)[ERROR]
        self._pairs[loader].append(torch.stack([score.to(error), error], 1).cpu())

    def compute_and_reset(self) -> dict[str, float]:
        """Return `<data set>/rank/spearman` and `/absrel`; empty the lists. All ranks call it.

        A set whose labels are scored alike, or that holds fewer than three, has no rank: NaN.
        """
        values: dict[str, float] = {}
        for name, batches in zip(self.datasets, _over_ranks(self._pairs), strict=True):
            pairs = torch.cat(batches) if batches else torch.zeros(0, 2)
            pairs = pairs[pairs.isfinite().all(1)]  # a picture without a valid pixel has no error
            ranked = len(pairs) > 2 and bool((pairs.std(0) > 0).all())
            rank = float(spearmanr(*pairs.T.numpy()).statistic) if ranked else float("nan")
            values |= {
                f"{name}/rank/spearman": rank,
                f"{name}/rank/absrel": float(pairs[:, 1].mean()),
            }
        self._pairs = [[] for _ in self.datasets]
        return values


def _over_ranks(pairs: list[list[Tensor]]) -> list[list[Tensor]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return pairs
    gathered: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(gathered, pairs)
    return [[part for rank in gathered for part in rank[i]] for i in range(len(pairs))]
