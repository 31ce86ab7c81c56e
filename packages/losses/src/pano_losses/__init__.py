"""Losses, alignment, metrics and evaluation protocols of panoramic depth estimation.

`ProtocolMetric` is imported when it is first asked for: torchmetrics imports whatever it finds
installed (torchvision, transformers, SciPy, Matplotlib), which takes longer than torch itself.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pano_losses import alignment, metrics, reduction, weighting
from pano_losses.adversarial import DiscriminatorLoss, GeneratorLoss, patch_score
from pano_losses.affine import AffineInvariantL1, ViewAffineInvariantL1, affine_invariant_l1
from pano_losses.alignment import Alignment
from pano_losses.distance import BerHu, MedianAlignedL1, berhu, median_aligned_l1
from pano_losses.evaluation import (
    ImageScores,
    Moments,
    Scores,
    UnknownProtocolError,
    accumulate,
    evaluate,
    resolve,
    score_images,
    summarise,
)
from pano_losses.gradients import LogGradientL1, log_gradient_l1
from pano_losses.gram import GramMatrixLoss, gram_matrix_loss
from pano_losses.logarithmic import EdgeSILog, SILog, edge_silog, silog
from pano_losses.mask import RangeMask, range_mask
from pano_losses.metrics import STANDARD, Metric
from pano_losses.protocol import ALL_KINDS, DISTANCE_KINDS, Protocol
from pano_losses.reduction import Reduced
from pano_losses.rulebook import protocols
from pano_losses.surfaces import NormalL1, PointL1, normal_l1, point_l1
from pano_losses.terms import Term, WeightedSum, split_loss

if TYPE_CHECKING:
    from pano_losses import accumulators
    from pano_losses.accumulators import ProtocolMetric
else:

    def __getattr__(name: str) -> object:
        if name not in ("accumulators", "ProtocolMetric"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module("pano_losses.accumulators")
        globals()["ProtocolMetric"] = module.ProtocolMetric
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "ALL_KINDS",
    "DISTANCE_KINDS",
    "STANDARD",
    "AffineInvariantL1",
    "Alignment",
    "BerHu",
    "DiscriminatorLoss",
    "EdgeSILog",
    "GeneratorLoss",
    "GramMatrixLoss",
    "ImageScores",
    "LogGradientL1",
    "MedianAlignedL1",
    "Metric",
    "Moments",
    "NormalL1",
    "PointL1",
    "Protocol",
    "ProtocolMetric",
    "RangeMask",
    "Reduced",
    "SILog",
    "Scores",
    "Term",
    "UnknownProtocolError",
    "ViewAffineInvariantL1",
    "WeightedSum",
    "accumulate",
    "accumulators",
    "affine_invariant_l1",
    "alignment",
    "berhu",
    "edge_silog",
    "evaluate",
    "gram_matrix_loss",
    "log_gradient_l1",
    "median_aligned_l1",
    "metrics",
    "normal_l1",
    "patch_score",
    "point_l1",
    "protocols",
    "range_mask",
    "reduction",
    "resolve",
    "score_images",
    "silog",
    "split_loss",
    "summarise",
    "weighting",
]
