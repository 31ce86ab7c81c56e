"""What validation adds up: scores of each data set under each protocol."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from pano_losses.accumulators import ProtocolMetric


class Scores(nn.Module):
    """One accumulator per data set and protocol; sums over all ranks, so any number of them gives the same.

    Args:
        datasets: Names, in the order of the loaders.
        protocols: Ids in `pano_losses.protocols`.
    """

    def __init__(self, datasets: Sequence[str], protocols: Sequence[str]) -> None:
        super().__init__()
        self.datasets = list(datasets)
        self.sums = nn.ModuleList(
            nn.ModuleList(ProtocolMetric(protocol, dataset=name) for protocol in protocols)
            for name in datasets
        )

    def update(
        self, loader: int, prediction: Mapping[str, Tensor], batch: Mapping[str, Any]
    ) -> None:
        """Adds a batch of the data set with this number."""
        target, valid = batch["distance"], batch["valid"]
        for score in self.sums[loader]:  # type: ignore[attr-defined]
            score.update(prediction, target, valid, keys=batch["key"], far=batch["far"])

    def taken(self) -> dict[str, float]:
        """`<data set>/<protocol>/<metric>` of all that was added; empties the accumulators. All ranks call it."""
        values: dict[str, float] = {}
        for name, by_protocol in zip(self.datasets, self.sums, strict=True):
            for score in by_protocol:  # type: ignore[attr-defined]
                path = f"{name}/{score.protocol}"
                values |= {f"{path}/{k}": float(v) for k, v in score.compute().items()}
                score.reset()
        return values
