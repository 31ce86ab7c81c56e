"""Protocol scores accumulated over batches and processes."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from pano_losses.evaluation import Moments, accumulate, resolve, score_images, summarise
from pano_losses.protocol import Protocol


class ProtocolMetric(Metric):
    """Scores of a data set under one protocol.

    The states are sums over images in float64 (float32 on Apple's GPUs), so 1 or N processes with
    even or uneven shards give the same numbers; a batch average is never averaged.

    Args:
        protocol: Id of the protocol, or the protocol.
        dataset: Data set id, for the few rules that depend on it.
    """

    full_state_update = False
    total: Tensor
    count: Tensor
    images: Tensor

    def __init__(self, protocol: str | Protocol, dataset: str | None = None) -> None:
        super().__init__()
        self.rules = resolve(protocol)
        self.dataset = dataset
        # Apple's GPUs have no float64: a module with such a state could not be moved there.
        exact = torch.float32 if torch.backends.mps.is_available() else torch.float64
        zeros = torch.zeros(len(self.rules.metrics), dtype=exact)
        self.add_state("total", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("count", zeros.clone(), dist_reduce_fx="sum")
        self.add_state("images", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")
        self._rows: list[dict[str, float | int | str]] = []

    @property
    def protocol(self) -> str:
        """Id of the protocol."""
        return self.rules.id

    def update(
        self,
        prediction: Mapping[str, Tensor],
        target: Tensor,
        valid: Tensor,
        keys: Sequence[str] | None = None,
        far: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> None:
        """Add a batch.

        Args:
            prediction: Maps `(b, 1, h, w)` by key.
            target: True distance `(b, 1, h, w)` in metres.
            valid: True where the truth is usable.
            keys: Names of the images for `table`; counted if absent.
            far: True for sky and beyond range.
            observed: True where the image shows content.

        Raises:
            ValueError: As `pano_losses.evaluate`.
        """
        scores = score_images(
            prediction,
            target,
            valid,
            self.rules,
            far=far,
            observed=observed,
            dataset=self.dataset,
        )
        added = accumulate(scores, self.rules)
        self.total = self.total + added.total.to(self.total)
        self.count = self.count + added.amount.to(self.count)
        self.images = self.images + added.images.to(self.images)
        names = keys or [str(len(self._rows) + i) for i in range(target.shape[0])]
        columns = {n: v.tolist() for n, v in scores.values(self.rules).items()}
        columns["pixels"] = scores.pixels.tolist()
        for i, name in enumerate(names):
            row = {column: values[i] for column, values in columns.items()}
            self._rows.append({"protocol": self.protocol, "key": name, **row})

    def compute(self) -> dict[str, Tensor]:
        """Return the metrics by name, and `images_scored` and `images_skipped`."""
        scores = summarise(Moments(self.total, self.count, self.images), self.rules)
        values = {name: torch.tensor(v, dtype=torch.float64) for name, v in scores.items()}
        values["images_scored"], values["images_skipped"] = self.images.unbind()
        return values

    def table(self) -> list[dict[str, float | int | str]]:
        """Return one row per image *this* process saw since the last reset; NaN: not scored."""
        return list(self._rows)

    def reset(self) -> None:
        """Forget everything, the table included."""
        super().reset()
        self._rows = []
