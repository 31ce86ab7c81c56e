"""Where a model errs: relative error by latitude, by distance, at the seam and at the poles."""

from collections.abc import Mapping

import torch
from torch import Tensor

from pano_geometry import column_longitudes, row_latitudes
from pano_geometry.tensor_types import Bool, Float
from pano_losses import ALL_KINDS, DISTANCE_KINDS, alignment

LATITUDE_BINS = 12  # of 15 degrees, from the zenith to the nadir
RANGE_EDGES_M = (0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)
REGIONS = ("seam", "poles", "elsewhere")
SEAM_DEG = 7.5  # the seam is what lies this near to longitude 180 degrees
POLES_DEG = 15.0  # the poles are what lies this near to the zenith or the nadir
RULE = (
    "AbsRel over all valid pixels that a model gives a number for; distances are median-aligned "
    "per panorama, an affine disparity is fitted to the inverse truth by scale and shift and "
    "inverted first"
)
FARTHEST_M = RANGE_EDGES_M[-1]


class ErrorCurves:
    """Sum the relative error of aligned distance by latitude, by true distance and by region.

    Sums and counts are kept apart, so the curves of shards add up to the curve of the whole.

    Attributes:
        sums: By name of the curve, `(2, bins)` float64: sums of errors, and how many pixels.
    """

    def __init__(self) -> None:
        bins = {
            "latitude": LATITUDE_BINS,
            "range": len(RANGE_EDGES_M) - 1,
            "region": len(REGIONS),
        }
        self.sums = {name: torch.zeros(2, n, dtype=torch.float64) for name, n in bins.items()}

    def update(
        self,
        prediction: Mapping[str, Tensor],
        target: Float[Tensor, "b 1 h w"],
        valid: Bool[Tensor, "b 1 h w"],
    ) -> None:
        """Add a batch; each panorama is aligned by itself.

        Args:
            prediction: Maps by kind, as a network returns them.
            target: True distance in metres; anything where not valid.
            valid: True where the truth is usable.
        """
        valid = valid & torch.isfinite(next(prediction[k] for k in ALL_KINDS if k in prediction))
        aligned = aligned_distance(prediction, target, valid)
        error = torch.where(valid, (aligned - target).abs() / target.clamp(min=1e-6), 0.0)
        edges = torch.tensor(RANGE_EDGES_M, device=target.device)
        near = torch.where(valid, target, 0.0)
        distance_bin = torch.bucketize(near, edges) - 1
        size = (target.shape[-2], target.shape[-1])
        self._add("latitude", latitude_bins(size).expand_as(target), error, valid)
        self._add("region", regions(size).expand_as(target), error, valid)
        inside = valid & (near > edges[0]) & (near <= edges[-1])
        self._add("range", distance_bin, error, inside)

    def _add(self, name: str, bins: Tensor, error: Tensor, where: Tensor) -> None:
        at = bins.to(where.device)[where].cpu()
        errors = error[where].double().cpu()
        self.sums[name][0].index_add_(0, at, errors)
        self.sums[name][1].index_add_(0, at, torch.ones_like(errors))

    def merge(self, other: "ErrorCurves") -> None:
        """Add the sums of another shard."""
        for name, sums in other.sums.items():
            self.sums[name] += sums

    def compute(self) -> dict[str, list[float | None]]:
        """Return AbsRel by latitude, by range and by region; None where a bin is empty.

        Regions are in the order of `REGIONS`.
        """
        return {
            name: [round(float(s / n), 6) if n else None for s, n in sums.T]
            for name, sums in self.sums.items()
        }


def aligned_distance(
    prediction: Mapping[str, Tensor],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
) -> Tensor:
    """Return the predicted distance `(b, 1, h, w)` in metres, aligned as `RULE` says."""
    for key in DISTANCE_KINDS:
        if key in prediction:
            distance = prediction[key].float()
            return alignment.median(distance, target, valid).apply(distance)
    disparity = prediction["disparity_affine"].float()
    inverse = torch.where(valid, 1 / target.clamp(min=1e-6), 0.0)
    fitted = alignment.least_squares_scale_shift(disparity, inverse, valid).apply(disparity)
    distance = 1 / fitted.clamp(min=1 / FARTHEST_M)
    return alignment.median(distance, target, valid).apply(distance)


def latitude_bins(size: tuple[int, int]) -> Tensor:
    """Return the bin of the centre of each row `(h, 1)`, 0 at the zenith; hemispheres alike."""
    return ((2 * torch.arange(size[0]) + 1) * LATITUDE_BINS // (2 * size[0]))[:, None]


def regions(size: tuple[int, int]) -> Tensor:
    """Return the region of each pixel `(h, w)`, an index into `REGIONS`; poles before seam."""
    height, width = size
    latitude = row_latitudes(height, dtype=torch.float64).rad2deg()
    longitude = column_longitudes(width, dtype=torch.float64).rad2deg()
    region = torch.full(size, REGIONS.index("elsewhere"))
    region[:, longitude.abs() > 180 - SEAM_DEG] = REGIONS.index("seam")
    region[latitude.abs() > 90 - POLES_DEG] = REGIONS.index("poles")
    return region
