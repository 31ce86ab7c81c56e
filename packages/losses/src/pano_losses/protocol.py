"""What a protocol is: every choice between a prediction and a reported number, as data."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from pano_losses import alignment, metrics
from pano_losses.alignment import AlignmentRule
from pano_losses.metrics import Metric
from pano_losses.reduction import Averaging
from pano_losses.weighting import RowWeighting, uniform

DISTANCE_KINDS = ("distance_metric", "distance_scale_invariant")
ALL_KINDS = (*DISTANCE_KINDS, "disparity_affine")

Defect = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor]]
"""`(prediction, target, high) -> (prediction, target)`: a known mistake of an evaluator."""


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way from a prediction to numbers. The fields are in the order in which they act.

    Attributes:
        id: Name that every result carries.
        source: Where the rules come from.
        description: What it is for, in a sentence or two.
        known_defects: Mistakes of the source that are reproduced here; empty unless the name ends
            in `_released`.
        accepts: Kinds of prediction that can be scored, the preferred one first.
        decoding: By data set, factor on the true distance in metres before anything else. Only for
            releases that read files with another unit than the data set defines.
        low: Truth at or below it is not scored, in metres (after `decoding`).
        high: Truth beyond it is not scored.
        high_inclusive: Whether truth equal to `high` is scored.
        far_scored: Data sets whose far pixels (sky, beyond range) are scored, with `high` as the
            truth; elsewhere they are not scored.
        far_fill: Where `far_probability` is at least one half the prediction is replaced by this
            many metres; `None` ignores `far_probability`.
        crop: By data set, share of the rows cut off at the top and again at the bottom.
        clamp_first: Clamp before the alignment and not after it.
        space: What is aligned: distance or its inverse.
        alignment: What is forgiven.
        disparity_floor: Smallest aligned disparity (1/m) before it is inverted. Zero keeps the
            releases' rule, which gives distance zero to disparity that is not positive; the
            inverse of a range makes it that range.
        align_where_observed: Align on pixels that show image content only (not black).
        between: Clamp (metres) between the two alignments.
        second_alignment: Applied to the distance that the first alignment gave.
        clamp_prediction: Limits of the aligned prediction, metres.
        clamp_target: Limits of the truth, metres.
        defect: Mistake of the released code, after the clamps.
        report_scale: Factor from metres to the unit in which errors are reported.
        weighting: Pixel weights, of the metrics and of the alignment.
        averaging: `image`: every image weighs the same. `pixel`: every valid pixel does.
        empty: An image without valid pixels is skipped and counted, or makes the mean NaN.
        metrics: Names and definitions.
    """

    id: str
    source: str
    description: str
    known_defects: tuple[str, ...] = ()
    accepts: tuple[str, ...] = DISTANCE_KINDS
    decoding: Mapping[str, float] = field(default_factory=dict)
    low: float = 0.0
    high: float = math.inf
    high_inclusive: bool = True
    far_scored: frozenset[str] = frozenset()
    far_fill: float | None = None
    crop: Mapping[str, float] = field(default_factory=dict)
    clamp_first: bool = False
    space: Literal["distance", "disparity"] = "distance"
    alignment: AlignmentRule = alignment.none
    disparity_floor: float = 0.0
    align_where_observed: bool = False
    between: tuple[float, float] | None = None
    second_alignment: AlignmentRule | None = None
    clamp_prediction: tuple[float, float] = (1e-3, math.inf)
    clamp_target: tuple[float, float] = (0.0, math.inf)
    defect: Defect | None = None
    report_scale: float = 1.0
    weighting: RowWeighting = uniform
    averaging: Averaging = "image"
    empty: Literal["skip", "nan"] = "skip"
    metrics: Mapping[str, Metric] = field(default_factory=lambda: dict(metrics.STANDARD))

    def kind_of(self, keys: frozenset[str]) -> str:
        """Return the key of the map to score.

        Args:
            keys: Keys of a prediction.

        Raises:
            ValueError: If none of them can be scored under this protocol.
        """
        for kind in self.accepts:
            if kind in keys:
                return kind
        raise ValueError(
            f"protocol {self.id!r} scores {' or '.join(self.accepts)}, got {sorted(keys)}: "
            "choose a protocol that aligns this kind of prediction"
        )
