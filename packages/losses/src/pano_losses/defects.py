"""Known mistakes of released evaluators, kept so that published numbers can be explained.

Only protocols named ``*_released`` use them.
"""

import torch
from torch import Tensor


def cap_truth_where_prediction_is_far(
    prediction: Tensor, target: Tensor, high: float
) -> tuple[Tensor, Tensor]:
    """Set the *truth* to the cap wherever the *prediction* exceeds it; the prediction is kept.

    A far over-prediction is then compared with the cap instead of the truth, which hides most of
    its error. Copied from UniFuse into PanDA and others.

    Source: UniFuse, UniFuse/metrics.py line 21 (the line meant to cap the prediction).
    """
    return prediction, torch.where(prediction > high, high, target)
