"""Protocols of released evaluators, with their mistakes: they explain published numbers."""

import torch
from torch import Tensor

from pano_losses import alignment, metrics
from pano_losses.metrics import STANDARD
from pano_losses.protocol import Protocol


def cap_truth_where_prediction_is_far(
    prediction: Tensor, target: Tensor, high: float
) -> tuple[Tensor, Tensor]:
    """Set the *truth* to the cap wherever the *prediction* exceeds it; the prediction is kept.

    A far over-prediction is then compared with the cap instead of the truth, which hides most of
    its error. Copied from UniFuse into PanDA and others.

    Source: UniFuse, UniFuse/metrics.py line 21 (the line meant to cap the prediction).
    """
    return prediction, torch.where(prediction > high, high, target)


DA2_RELEASED = Protocol(
    id="da2_released",
    source="EnVision-Research/DA-2, eval.py and eval/, commit d659838",
    description=(
        "Median alignment, then clamp to [0.001, 5] decoded units; pixels whose image is black are "
        "left out of the alignment only. Resize the prediction to the size of the truth first "
        "(bilinear, antialiased)."
    ),
    known_defects=(
        "Depth files are divided by other constants than the data sets define (1000, 2560, 20 "
        "instead of 512, 4000, 25.5), so the 5 m cap lies at 9.77, 3.2 and 3.92 m and RMSE is not "
        "in metres",
        "one image without a valid pixel makes every mean NaN",
    ),
    decoding={
        "stanford2d3d": 512 / 1000,
        "matterport3d_unifuse": 4000 / 2560,
        "panosuncg": 25.5 / 20,
    },
    low=1e-3,
    high=5.0,
    high_inclusive=False,
    alignment=alignment.median,
    align_where_observed=True,
    clamp_prediction=(1e-3, 5.0),
    empty="nan",
    metrics={**STANDARD, "irmse": metrics.irmse, "silog": metrics.silog},
)

DAP_RELEASED = Protocol(
    id="dap_released",
    source="Insta360-Research-Team/DAP, test/eval.py and test/metrics_st.py, commit 67cad19",
    description=(
        "Metric distance up to 100 m, far pixels filled from the range mask, errors in units of "
        "100 m. On Deep360 and DAP-Test far pixels count with a truth of 100 m."
    ),
    known_defects=(
        "`rmse` is the mean absolute error (root before mean)",
        "`rmse_log` is mean |log10 p/t| for the same reason",
        "errors are in units of 100 m",
        "one image without a valid pixel makes every mean NaN",
    ),
    accepts=("distance_metric",),
    high=100.0,
    far_scored=frozenset({"deep360", "dap_test"}),
    far_fill=100.0,
    clamp_target=(0.1, 100.0),
    report_scale=0.01,
    empty="nan",
    metrics={**STANDARD, "rmse": metrics.mae, "rmse_log": metrics.log10},
)

DEPTH_ANYWHERE_RELEASED = Protocol(
    id="depth_anywhere_released",
    source="albert100121/Depth-Anywhere, utils/metric.py, commit 05058c6",
    description=(
        "Least-squares scale and shift in disparity, inverted, clamped to [0, 10] m, then median "
        "alignment, then both clamped to [0.1, 10] m. Zero-shot Stanford2D3D loses 68 of 512 rows "
        "at the top and at the bottom. Distances are inverted first."
    ),
    known_defects=(
        "disparity that is not positive becomes the near limit (0.1 m) instead of far away",
        "median alignment always comes on top of scale and shift",
        "`rmse_log` is of log10(x + 1)",
        "the median of an even count is the lower of the two middle values",
        "not reproduced: the validation loader divides Stanford2D3D depth by 4000 instead of 512",
    ),
    accepts=("disparity_affine", "distance_scale_invariant", "distance_metric"),
    high=10.0,
    crop={"stanford2d3d": 68 / 512},
    space="disparity",
    alignment=alignment.least_squares_scale_shift,
    between=(0.0, 10.0),
    second_alignment=alignment.median_lower,
    clamp_prediction=(0.1, 10.0),
    clamp_target=(0.1, 10.0),
    metrics={**STANDARD, "rmse_log": metrics.rmse_log10_plus_one},
)

UNIFUSE_RELEASED = Protocol(
    id="unifuse_released",
    source="alibaba/UniFuse-Unidirectional-Fusion, UniFuse/metrics.py, commit 5da3a4e",
    description="Metric distance up to 10 m, both floored at 0.1 m.",
    known_defects=(
        "the truth, not the prediction, is set to 10 m where the prediction exceeds 10 m",
        "`rmse_log` is of log10",
    ),
    accepts=("distance_metric",),
    high=10.0,
    clamp_first=True,
    clamp_prediction=(0.1, float("inf")),
    clamp_target=(0.1, 10.0),
    defect=cap_truth_where_prediction_is_far,
    metrics={**STANDARD, "rmse_log": metrics.rmse_log10},
)

RELEASED = (DA2_RELEASED, DAP_RELEASED, DEPTH_ANYWHERE_RELEASED, UNIFUSE_RELEASED)
