"""How far a reconstruction is from exact geometry."""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.spatial import cKDTree

from panodepth.reconstruct.registration import Array


@dataclass(frozen=True)
class GeometryScores:
    """Distances in the unit of the points, angles in degrees.

    Attributes:
        accuracy: Mean distance from the reconstruction to the nearest exact point.
        completeness: Mean distance from the exact points to the nearest reconstructed one.
        chamfer: Mean of the two.
        precision: Share of the reconstruction within the threshold of an exact point.
        recall: Share of the exact points within the threshold of a reconstructed one.
        normal_error_deg: Mean angle between normals at nearest points within the threshold; NaN
            where the reconstruction has no normals.
    """

    accuracy: float
    completeness: float
    chamfer: float
    precision: float
    recall: float
    normal_error_deg: float

    def as_dict(self) -> dict[str, float]:
        """Return plain types for JSON."""
        return asdict(self)


def score_geometry(
    points: Array,
    exact: Array,
    threshold: float,
    normals: Array | None = None,
    exact_normals: Array | None = None,
) -> GeometryScores:
    """Compare points of a reconstruction with points of the exact surface.

    Args:
        points: `(n, 3)`, n > 0.
        exact: `(m, 3)`, m > 0, dense: its spacing is the floor of accuracy.
        threshold: What counts as found.
        normals: `(n, 3)` unit normals of `points`, towards the free side.
        exact_normals: `(m, 3)` unit normals of `exact`.
    """
    to_exact, nearest = cKDTree(exact).query(points)
    to_points, _ = cKDTree(points).query(exact)
    angle = float("nan")
    near = to_exact <= threshold
    if normals is not None and exact_normals is not None and near.any():
        cosine = (normals[near] * exact_normals[nearest[near]]).sum(1)
        angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())
    return GeometryScores(
        accuracy=float(to_exact.mean()),
        completeness=float(to_points.mean()),
        chamfer=float((to_exact.mean() + to_points.mean()) / 2),
        precision=float(near.mean()),
        recall=float((to_points <= threshold).mean()),
        normal_error_deg=angle,
    )
