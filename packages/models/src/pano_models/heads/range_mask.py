"""Range masks: the probability that a pixel lies beyond each of some distances."""

from collections.abc import Sequence

from torch import Tensor

from pano_geometry.tensor_types import Float
from pano_models.outputs import FAR_PROBABILITY, Prediction, far_key


def far_maps(probabilities: Float[Tensor, "b k h w"], thresholds: Sequence[float]) -> Prediction:
    """Name the channels of a range head.

    Args:
        probabilities: one channel a threshold.
        thresholds: metres, rising.

    Returns:
        `far_probability` for the last threshold, `far_probability_<t>m` for each earlier one.
    """
    maps = [probabilities[:, i : i + 1] for i in range(len(thresholds))]
    named = {far_key(t): m for t, m in zip(thresholds[:-1], maps[:-1], strict=True)}
    return {**named, FAR_PROBABILITY: maps[-1]}
