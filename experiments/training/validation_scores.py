"""What a network scores on the validation sets while it trains."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from pano_losses import ProtocolMetric


class ValidationScores(nn.Module):
    """One accumulator per data set and protocol; the sums do not depend on the number of ranks.

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
        """Add a batch of the data set with this number."""
        target, valid = batch["distance"], batch["valid"]
        for score in self.sums[loader]:  # type: ignore[attr-defined]
            score.update(prediction, target, valid, keys=batch["key"], far=batch["far"])

    def compute_and_reset(self) -> dict[str, float]:
        """Return `<data set>/<protocol>/<metric>` of all that was added, and start anew.

        Every rank must call it.
        """
        values: dict[str, float] = {}
        for name, by_protocol in zip(self.datasets, self.sums, strict=True):
            for score in by_protocol:  # type: ignore[attr-defined]
                path = f"{name}/{score.protocol}"
                values |= {f"{path}/{k}": float(v) for k, v in score.compute().items()}
                score.reset()
        return values


def monitored_score(monitor: str | None, metrics: Mapping[str, Tensor]) -> float | None:
    """Return the metric by which a finished network is compared with earlier ones.

    None, with a warning, where it was not measured.

    Args:
        monitor: Its name; None: networks are not compared.
        metrics: The last value of each, as the trainer keeps them.
    """
    value = None if monitor is None else metrics.get(monitor)
    if monitor is not None and value is None:
        logging.getLogger(__name__).warning(
            "no version is `best`: got monitor %r, expected one of %s",
            monitor, sorted(k for k in metrics if k.startswith("val/")),
        )  # fmt: skip
    return None if value is None else float(value)
