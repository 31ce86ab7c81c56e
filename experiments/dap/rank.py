"""Does a score without truth follow the true error? Spearman's rank correlation, by data set."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from pano_losses import protocols, score_images

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

    def taken(self) -> dict[str, float]:
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
