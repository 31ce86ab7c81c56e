"""DAP: metric distance with a range mask, trained by six losses on labelled and pseudo-labelled panoramas."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from experiments.training.task import Batch, DepthTask


class DapTask(DepthTask):
    """Trains a network with a distance head and, unless its `thresholds` are empty, a range-mask head.

    All three stages of DAP use it: the labeler on labelled panoramas, the second labeler on labelled
    and selected pseudo-labelled ones, and DAP itself on everything. What differs is the data.

    Distance terms see the pixels within range; the mask term sees every pixel and learns which are
    not. The weight of each pixel is `M_distort` = cos(latitude), given by each term's weighting.

    Args:
        range_m: Distance in metres from which a pixel counts as far (10, 20, 50 or 100 in the paper);
            None leaves it to the data sets.
        **task: See `DepthTask`.

    Source: DAP (arXiv 2512.16913): L = M_distort (1.0 SILog + 0.4 DF + 5.0 grad + 2.0 normal + 2.0 pts + 2.0 mask).
    """

    def __init__(self, range_m: float | None = None, **task: Any) -> None:
        super().__init__(**task)
        if range_m is not None and not range_m > 0:
            raise ValueError(f"got range_m={range_m}, expected metres above 0, or null")
        self.range_m = range_m

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Six terms on distance and mask."""
        prediction = self(batch["image"])
        within = batch["distance"] <= (self.range_m or float("inf"))
        total, terms = self.loss(
            prediction=prediction["distance_metric"],
            target=batch["distance"],
            valid=batch["valid"] & within,
            far=batch["far"] | (batch["valid"] & ~within),
            **{name: values for name, values in prediction.items() if name == "far_probability"},
        )
        return total, terms
