"""The named protocols. A number without one of these names is not a result."""

from pano_losses import alignment, weighting
from pano_losses.protocol import Protocol

_metric = Protocol(
    id="metric",
    source="common practice (UniK3D, DAC, DAP): no alignment",
    description="Metric distance as predicted: nothing is forgiven, every valid pixel counts.",
    accepts=("distance_metric",),
)
_da2_paper = Protocol(
    id="da2_paper",
    source="DA2 (arXiv 2509.26618), supplement C, eqs. 10-11; RMSE with the count inside the root",
    description=(
        "Median-aligned distance in true metres. The printed RMSE (count outside the root) would "
        "shrink with resolution and is taken as a misprint of the usual one, as in the release."
    ),
    alignment=alignment.median,
)
_solid_angle_median = Protocol(
    id="solid_angle_median",
    source="this project",
    description=(
        "Median-aligned distance with every steradian counting the same, in the median and in the "
        "metrics: the poles of the equirectangular map are not over-represented."
    ),
    alignment=alignment.median,
    weighting=weighting.solid_angle,
)

protocols: dict[str, Protocol] = {p.id: p for p in (_metric, _da2_paper, _solid_angle_median)}
"""Every protocol by its id."""
