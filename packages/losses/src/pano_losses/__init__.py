"""Losses, alignment, metrics and evaluation protocols of panoramic depth estimation."""

from pano_losses import accumulators, alignment, metrics, reduction, weighting
from pano_losses.accumulators import ProtocolMetric
from pano_losses.alignment import Alignment
from pano_losses.distance import MedianAlignedL1, median_aligned_l1
from pano_losses.evaluation import Scores, evaluate
from pano_losses.metrics import Metric
from pano_losses.normals import NormalL1, normal_l1
from pano_losses.protocol import Protocol
from pano_losses.reduction import Reduced
from pano_losses.rulebook import protocols
from pano_losses.terms import Term, WeightedSum

__all__ = [
    "Alignment",
    "MedianAlignedL1",
    "Metric",
    "NormalL1",
    "Protocol",
    "ProtocolMetric",
    "Reduced",
    "Scores",
    "Term",
    "WeightedSum",
    "accumulators",
    "alignment",
    "evaluate",
    "median_aligned_l1",
    "metrics",
    "normal_l1",
    "protocols",
    "reduction",
    "weighting",
]
