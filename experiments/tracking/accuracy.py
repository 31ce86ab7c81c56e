"""The scores that every network has, under the name that MLflow's charts show first."""

from collections.abc import Mapping

ACCURACY = "accuracy"
# Scale and shift of the disparity are aligned, which fits metric, scale-invariant and affine maps.
COMMON_PROTOCOL = "depth_anywhere_released"
METRICS = ("absrel", "delta1")


def accuracy_metrics(
    results: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, float]:
    """Return `accuracy/<data set>/<metric>` -> value under `COMMON_PROTOCOL`, where it was scored.

    Args:
        results: Data set -> protocol -> metric -> value.
    """
    return {
        f"{ACCURACY}/{dataset}/{metric}": by_protocol[COMMON_PROTOCOL][metric]
        for dataset, by_protocol in results.items()
        if COMMON_PROTOCOL in by_protocol
        for metric in METRICS
    }
