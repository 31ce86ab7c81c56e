"""The named protocols. A number without one of these names is not a result."""

from pano_losses import alignment, metrics, weighting
from pano_losses.boundary_distance import BOUNDARY_DISTANCE
from pano_losses.cube_edges import CUBE_EDGES
from pano_losses.metrics import SEAM, STANDARD
from pano_losses.pano3d import BOUNDARY, SMOOTHNESS
from pano_losses.protocol import ALL_KINDS, Protocol
from pano_losses.released_protocols import RELEASED

_SOLID_ANGLE_VARIANTS = {
    f"w_{name}": metrics.weighted(metric, weighting.solid_angle, "solid angle")
    for name, metric in STANDARD.items()
}

_PROTOCOLS = (
    Protocol(
        id="metric",
        source="common practice for metric models (UniK3D, Depth Any Camera, DAP)",
        description="Metric distance as predicted: nothing is forgiven, every valid pixel counts.",
        accepts=("distance_metric",),
    ),
    Protocol(
        id="da2_paper",
        source="DA2 (arXiv 2509.26618), supplement C, eqs. 10-11",
        description=(
            "Median-aligned distance in true metres, every valid pixel. The printed RMSE has the "
            "pixel count outside the root, which would shrink with resolution; it is read as the "
            "usual one, which the release computes."
        ),
        alignment=alignment.median,
    ),
    Protocol(
        id="da2_paper_affine",
        source=(
            "DA2 (arXiv 2509.26618), supplement D, eq. 12; "
            "the rows marked with a triangle in table 1"
        ),
        description=(
            "Least-squares scale and shift in true metres, every valid pixel. The map is fitted to "
            "distance as the model returns it, disparity too: the paper does not say that it is "
            "inverted first. Clamp of the prediction: our choice, since a shift can make distances "
            "negative."
        ),
        accepts=ALL_KINDS,
        alignment=alignment.least_squares_scale_shift,
    ),
    Protocol(
        id="dap_metric",
        source="DAP (arXiv 2512.16913), tables 3-4; valid mask and range of its readers",
        description=(
            "Metric distance up to 100 m with far pixels filled from the range mask. On Deep360 "
            "and DAP-Test far pixels count with a truth of 100 m. RMSE is the true one, in metres."
        ),
        accepts=("distance_metric",),
        high=100.0,
        far_scored=frozenset({"deep360", "dap_test"}),
        far_fill=100.0,
    ),
    Protocol(
        id="dap_metric_unfilled",
        source="this project; `dap_metric` without its fill",
        description=(
            "As `dap_metric`, with the distance as predicted also where the range mask says far. "
            "The difference between the two is what the mask does to the score: good outdoors, "
            "where it finds the sky, bad indoors, where it takes walls for it."
        ),
        accepts=("distance_metric",),
        high=100.0,
        far_scored=frozenset({"deep360", "dap_test"}),
    ),
    Protocol(
        id="depth_anywhere_paper",
        source="Depth Anywhere (arXiv 2406.12849), A.1, eq. 8",
        description=(
            "Disparity is inverted, then median-aligned; truth beyond 10 m is ignored. The paper "
            "does not say what disparity that is not positive becomes: here the 10 m cap. An "
            "unknown shift of the disparity is not forgiven, although the training loss is blind "
            "to it: see `depth_anywhere_released`."
        ),
        accepts=("disparity_affine", "distance_scale_invariant", "distance_metric"),
        high=10.0,
        space="disparity",
        disparity_floor=1e-6,
        second_alignment=alignment.median,
        clamp_prediction=(1e-3, 10.0),
    ),
    Protocol(
        id="unifuse_10m",
        source="UniFuse (arXiv 2102.03550) with the cap on the prediction, as meant",
        description="Metric distance up to 10 m; prediction clamped to [0.1, 10] m.",
        accepts=("distance_metric",),
        high=10.0,
        clamp_prediction=(0.1, 10.0),
        clamp_target=(0.1, 10.0),
    ),
    Protocol(
        id="unifuse_10m_median",
        source=(
            "UniFuse (arXiv 2102.03550) with its optional median alignment, done before the clamp"
        ),
        description="As `unifuse_10m` for predictions without a scale.",
        high=10.0,
        alignment=alignment.median,
        clamp_prediction=(0.1, 10.0),
        clamp_target=(0.1, 10.0),
    ),
    Protocol(
        id="panda_affine",
        source="PanDA (arXiv 2406.13378): least squares on depth, per image",
        description=(
            "Scale and shift are forgiven in distance (not in disparity), up to 10 m. Clamp of the "
            "prediction: our choice, since a shift can make distances negative."
        ),
        high=10.0,
        alignment=alignment.least_squares_scale_shift,
        clamp_prediction=(1e-3, 10.0),
    ),
    Protocol(
        id="mean_ratio",
        source="DA360 (arXiv 2512.22819), evaluator",
        description="Scale is forgiven by the ratio of means.",
        alignment=alignment.mean_ratio,
    ),
    Protocol(
        id="ls_scale",
        source="PaGeR (arXiv 2605.26368), evaluator",
        description="Scale is forgiven by least squares; dominated by the far pixels.",
        alignment=alignment.least_squares_scale,
    ),
    Protocol(
        id="weighted_l1",
        source="DepthMaster (arXiv 2606.12368), evaluator, there on a 64x64 sub-grid",
        description=(
            "Scale is forgiven by the minimiser of sum |s p - t| / t over every pixel, exactly: "
            "no scale has a lower AbsRel."
        ),
        alignment=alignment.relative_l1_scale,
    ),
    Protocol(
        id="solid_angle_median",
        source="this project",
        description=(
            "Median-aligned distance with every steradian counting the same, in the median and in "
            "the metrics: the poles of the equirectangular map are not over-represented."
        ),
        alignment=alignment.median,
        weighting=weighting.solid_angle,
    ),
    Protocol(
        id="pano3d",
        source="Pano3D (arXiv 2109.02749); range of its loader",
        description=(
            "Metric distance up to 8 m: direct metrics, the same by solid angle (`w_`), edges, and "
            "smoothness. Images without a true edge are left out of the edge metrics, where Pano3D "
            "counts them as perfect."
        ),
        accepts=("distance_metric",),
        high=8.0,
        metrics={**STANDARD, **_SOLID_ANGLE_VARIANTS, **BOUNDARY, **SMOOTHNESS},
    ),
    Protocol(
        id="boundary_distance",
        source="Koch et al. (arXiv 1805.01328), section 4.3, on the sphere; edges of Pano3D",
        description=(
            "How far predicted depth edges lie from true ones (accuracy) and true ones from "
            "predicted ones (completeness), in pixels up to 10, across the seam too; metric "
            "distance up to 8 m. Images without an edge have neither."
        ),
        accepts=("distance_metric",),
        high=8.0,
        metrics=BOUNDARY_DISTANCE,
    ),
    Protocol(
        id="seam",
        source="this project",
        description=(
            "Jumps across 180 degrees and across the poles, free of scale; a ratio of 1 means that "
            "the cut of the map cannot be told from its inside."
        ),
        metrics=SEAM,
    ),
    Protocol(
        id="cube_edges",
        source="this project, after PaGeR (arXiv 2605.26368); see `pano_losses.cube_edges`",
        description=(
            "Jumps across the edges of the upright cube, free of scale and, in disparity, of "
            "shift, up to 10 m; a ratio near 1 means that the prediction does not show the cube "
            "whose faces a teacher saw."
        ),
        accepts=("disparity_affine", "distance_scale_invariant", "distance_metric"),
        high=10.0,
        space="disparity",
        alignment=alignment.least_squares_scale_shift,
        disparity_floor=0.1,
        metrics=CUBE_EDGES,
    ),
    *RELEASED,
)

protocols: dict[str, Protocol] = {p.id: p for p in _PROTOCOLS}
"""Every protocol by its id."""
