"""What a prediction is: a dict of maps `(b, 1, h, w)` whose keys say what the values mean."""

from torch import Tensor

DISTANCE_METRIC = "distance_metric"
"""Euclidean distance from the camera centre along the ray, metres, before any far fill."""

DISTANCE_SCALE_INVARIANT = "distance_scale_invariant"
"""Euclidean distance up to one unknown positive factor per image."""

DISPARITY_AFFINE = "disparity_affine"
"""Inverse distance up to one unknown scale and shift per image."""

FAR_PROBABILITY = "far_probability"
"""Probability in [0, 1] that a pixel is sky or beyond the model's range."""

GEOMETRY_KEYS = (DISTANCE_METRIC, DISTANCE_SCALE_INVARIANT, DISPARITY_AFFINE)

Prediction = dict[str, Tensor]


def geometry_key(prediction: Prediction) -> str:
    """The one key of `prediction` that holds distance or disparity.

    Raises:
        KeyError: none of `GEOMETRY_KEYS` is there, or more than one.
    """
    present = [key for key in GEOMETRY_KEYS if key in prediction]
    if len(present) != 1:
        raise KeyError(
            f"a prediction holds exactly one of {GEOMETRY_KEYS}, got keys {sorted(prediction)}"
        )
    return present[0]
