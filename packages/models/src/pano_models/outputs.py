"""What a prediction is: a dict of maps `(b, 1, h, w)` whose keys say what the values mean."""

from torch import Tensor

from pano_geometry.tensor_types import Float

Maps = dict[str, Tensor]
"""Maps (b, 1, h, w) by key."""

DISTANCE_METRIC = "distance_metric"
"""Euclidean distance from the camera centre along the ray, metres, before any far fill."""

DISTANCE_SCALE_INVARIANT = "distance_scale_invariant"
"""Euclidean distance up to one unknown positive factor per image."""

DISPARITY_AFFINE = "disparity_affine"
"""Inverse distance up to one unknown scale and shift per image."""

FAR_PROBABILITY = "far_probability"
"""Probability in [0, 1] that a pixel is sky or beyond `FAR_RANGE` metres."""

FAR_RANGE = 100.0
"""Metres beyond which DAP's metric models have no distance: what its fill writes to far pixels."""

UNITS = {
    DISTANCE_METRIC: "m",
    DISTANCE_SCALE_INVARIANT: "relative",
    DISPARITY_AFFINE: "affine disparity",
}
"""Keys of the maps that say how far things are -> the unit of their values."""

GEOMETRY_KEYS = tuple(UNITS)


def far_key(threshold: float) -> str:
    """Return the key of the probability that a pixel lies beyond `threshold` metres.

    The mask of `FAR_RANGE` is the one that a fill goes by, and is called `far_probability`.
    """
    return FAR_PROBABILITY if threshold == FAR_RANGE else f"{FAR_PROBABILITY}_{threshold:g}m"


def range_of(key: str) -> float | None:
    """Return the metres that a far probability is about; None: the map is something else."""
    if key == FAR_PROBABILITY:
        return FAR_RANGE
    if not (key.startswith(f"{FAR_PROBABILITY}_") and key.endswith("m")):
        return None
    return float(key[len(FAR_PROBABILITY) + 1 : -1])


def geometry_key(prediction: Maps) -> str:
    """Return the one key of `prediction` that holds distance or disparity.

    Raises:
        KeyError: None of `GEOMETRY_KEYS` is there, or more than one.
    """
    present = [key for key in GEOMETRY_KEYS if key in prediction]
    if len(present) != 1:
        raise KeyError(
            f"a prediction holds exactly one of {GEOMETRY_KEYS}, got keys {sorted(prediction)}"
        )
    return present[0]


def fill_far(
    prediction: Maps, far_value: float, key: str = FAR_PROBABILITY
) -> Float[Tensor, "b 1 h w"]:
    """Return the metric distance with `far_value` where the network holds a pixel for far.

    A pixel is kept where `(1 - p) > 0.5`, so `p = 0.5` is far, as in DAP's release.

    Args:
        prediction: Holds `distance_metric` and `key`.
        far_value: Metres written to far pixels, e.g. 100 (or `inf`).
        key: Which far probability decides.

    Source: DAP release, `test/eval.py`; the paper multiplies by the mask, which writes 0.
    """
    keep = (1 - prediction[key]) > 0.5
    distance = prediction[DISTANCE_METRIC]
    return distance.where(keep, far_value)
