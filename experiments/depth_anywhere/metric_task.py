"""Metric fine-tuning of a relative student: one epoch on labelled panoramas."""

from collections.abc import Mapping

from torch import Tensor

from experiments.training.task import Batch, DepthTask


class MetricTask(DepthTask):
    """Turns a student of disparity into one of metres.

    `init_from` names the relative student, `net` is the same network with a metric head. The paper
    says one epoch and metric depth; the loss (BerHu, as UniFuse was trained) and what becomes of
    the last layer (it is kept) are our choice.

    Source: Depth Anywhere (arXiv 2406.12849), Table 5.
    """

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the reversed Huber loss of distances in metres."""
        total, terms = self.loss(
            prediction=self(batch["image"])["distance_metric"],
            target=batch["distance"],
            valid=batch["valid"],
        )
        return total, terms
