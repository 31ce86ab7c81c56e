"""Where a model errs: relative error by latitude and by distance."""

from collections.abc import Mapping

import torch
from torch import Tensor

from experiments.common.panels import as_distance
from pano_geometry.tensor_types import Bool, Float
from pano_losses import alignment

LATITUDE_BINS = 12  # of 15 degrees, from the zenith to the nadir
RANGE_EDGES_M = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)


class ErrorCurves:
    """Sums of the relative error of median-aligned distance over bins of latitude and of true distance.

    Sums and counts are kept apart, so the curves of shards add up to the curve of the whole.
    """

    def __init__(self) -> None:
        self.latitude = torch.zeros(2, LATITUDE_BINS, dtype=torch.float64)
        self.range = torch.zeros(2, len(RANGE_EDGES_M) - 1, dtype=torch.float64)

    def update(
        self,
        prediction: Mapping[str, Tensor],
        target: Float[Tensor, "b 1 h w"],
        valid: Bool[Tensor, "b 1 h w"],
    ) -> None:
        """Adds a batch; each panorama is aligned by the ratio of medians, a disparity is inverted first."""
        distance = as_distance(prediction).float()
        aligned = alignment.median(distance, target, valid).apply(distance)
        error = torch.where(valid, (aligned - target).abs() / target.clamp(min=1e-6), 0.0).double()
        rows = torch.arange(target.shape[-2]) * LATITUDE_BINS // target.shape[-2]
        for row_bin in range(LATITUDE_BINS):
            inside = rows == row_bin
            self.latitude[0, row_bin] += error[..., inside, :].sum()
            self.latitude[1, row_bin] += valid[..., inside, :].sum()
        edges = torch.tensor(RANGE_EDGES_M)
        bins = torch.bucketize(target, edges) - 1
        for k in range(len(RANGE_EDGES_M) - 1):
            inside = valid & (bins == k)
            self.range[0, k] += error[inside].sum()
            self.range[1, k] += inside.sum()

    def compute(self) -> dict[str, list[float | None]]:
        """AbsRel by latitude bin and by range bin; None where a bin is empty."""
        return {
            name: [round(float(s / n), 6) if n else None for s, n in sums.T]
            for name, sums in (("latitude", self.latitude), ("range", self.range))
        }
