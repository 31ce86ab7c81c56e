"""Several panoramas into one frame: point-to-plane alignment of their scales and poses."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]

ITERATIONS = 40
NORMALS_AGREE = 0.7  # cosine: surfaces that face apart do not correspond
SCALE_STARTS = np.geomspace(0.3, 30.0, 12)


@dataclass(frozen=True)
class Cloud:
    """Points of one panorama in its camera frame, with unit normals; both `(n, 3)`."""

    points: Array
    normals: Array


@dataclass(frozen=True)
class ScaledPose:
    """Camera to world: `x_world = scale * rotation @ x_camera + position`."""

    scale: float
    rotation: Array
    position: Array

    def apply(self, points: Array) -> Array:
        """Points `(n, 3)` in the world frame."""
        return np.asarray(self.scale * points @ self.rotation.T + self.position)

    def moved(self, step: Array) -> "ScaledPose":
        """The pose after a step `(log scale, rotation vector, translation)`, `(7,)`."""
        turn = Rotation.from_rotvec(step[1:4]).as_matrix()
        return ScaledPose(
            float(self.scale * np.exp(step[0])), turn @ self.rotation, self.position + step[4:]
        )


@dataclass(frozen=True)
class FreeParameters:
    """What may change: `scale` of each panorama.

    `pose` of each but the first, which is the frame. `common`: one factor on the scales of all, at
    given poses, in the place of both.
    """

    scale: bool
    pose: bool
    common: bool = False

    def mask(self, panoramas: int) -> NDArray[np.bool_]:
        """`(panoramas, 7)` bool: free entries of the steps."""
        free = np.zeros((panoramas, 7), dtype=np.bool_)
        free[:, 0] = self.scale
        free[:, 1:] = self.pose
        if self.pose:  # nothing else would hold the frame and its unit
            free[0] = False
        return free


def identity_pose() -> ScaledPose:
    """The pose of a camera that is the world frame."""
    return ScaledPose(1.0, np.eye(3), np.zeros(3))


def register(
    clouds: Sequence[Cloud],
    poses: Sequence[ScaledPose],
    free: FreeParameters,
    iterations: int = ITERATIONS,
) -> list[ScaledPose]:
    """Move the panoramas until their surfaces coincide.

    Gauss-Newton on the point-to-plane distances of nearest neighbours, with Tukey weights whose
    width shrinks from 25 % of the median distance to 3 %: noise of that size averages out.

    Args:
        clouds: A few thousand points each.
        poses: Where to start from.
        free: What may change.
        iterations: Steps.

    Returns:
        The poses, in the order of the clouds.

    Source: Chen & Medioni 1992 (point to plane); Zinßer et al. 2005 (scale).
    """
    current = list(poses)
    mask = free.mask(len(clouds))
    if not mask.any():
        return current
    size = float(
        np.median(
            [
                np.median(np.linalg.norm(c.points, axis=1)) * p.scale
                for c, p in zip(clouds, poses, strict=True)
            ]
        )
    )
    for width in size * np.geomspace(0.25, 0.03, iterations):
        matrix, vector = _normal_equations(clouds, current, float(width))
        step = np.zeros(mask.size)
        at = np.flatnonzero(mask)
        damped = matrix[np.ix_(at, at)] + 1e-6 * np.trace(matrix) / len(matrix) * np.eye(len(at))
        step[at] = np.linalg.lstsq(damped, -vector[at], rcond=None)[0]
        current = [p.moved(s) for p, s in zip(current, step.reshape(-1, 7), strict=True)]
    return current


def register_scales(clouds: Sequence[Cloud], poses: Sequence[ScaledPose]) -> list[ScaledPose]:
    """Find the scales of panoramas at known poses, from no idea of their size.

    `register` runs from a range of common factors on a sixth of the points; the result whose
    surfaces coincide most is refined on all of them.

    Args:
        clouds: In units of their own.
        poses: Where they were taken; their scales are not used.

    Returns:
        The poses with scales.
    """
    few = [Cloud(c.points[::6], c.normals[::6]) for c in clouds]
    free = FreeParameters(scale=True, pose=False)
    tries = [
        register(
            few, [ScaledPose(factor, p.rotation, p.position) for p in poses], free, iterations=15
        )
        for factor in SCALE_STARTS
    ]
    best = max(tries, key=lambda found: sum(measure_overlaps(few, found)))
    return register(clouds, best, free)


def measure_overlaps(clouds: Sequence[Cloud], poses: Sequence[ScaledPose]) -> list[float]:
    """For each panorama, the share of its points that lie on a surface of another one.

    On means within 2 % of the median distance along the other surface's normal, and within 10 % at
    all.
    """
    world = [p.apply(c.points) for c, p in zip(clouds, poses, strict=True)]
    size = float(
        np.median(
            [
                np.median(np.linalg.norm(w - p.position, axis=1))
                for w, p in zip(world, poses, strict=True)
            ]
        )
    )
    shares = []
    for i, points in enumerate(world):
        met = np.zeros(len(points), dtype=np.bool_)
        for j, other in enumerate(world):
            if i == j:
                continue
            gap, nearest = cKDTree(other).query(points)
            normals = (clouds[j].normals @ poses[j].rotation.T)[nearest]
            off = np.abs((normals * (points - other[nearest])).sum(1))
            met |= (gap < 0.1 * size) & (off < 0.02 * size)
        shares.append(float(met.mean()))
    return shares


def _normal_equations(
    clouds: Sequence[Cloud], poses: Sequence[ScaledPose], width: float
) -> tuple[Array, Array]:
    n = 7 * len(clouds)
    matrix, vector = np.zeros((n, n)), np.zeros(n)
    world = [p.apply(c.points) for c, p in zip(clouds, poses, strict=True)]
    normals = [c.normals @ p.rotation.T for c, p in zip(clouds, poses, strict=True)]
    trees = [cKDTree(w) for w in world]
    for i in range(len(clouds)):
        for j in range(len(clouds)):
            if i == j:
                continue
            gap, nearest = trees[j].query(world[i], distance_upper_bound=width)
            at = np.flatnonzero(np.isfinite(gap))
            to = nearest[at]
            at_normals, to_normals = normals[i][at], normals[j][to]
            same = (at_normals * to_normals).sum(1) > NORMALS_AGREE
            at, to, to_normals = at[same], to[same], to_normals[same]
            residual = (to_normals * (world[i][at] - world[j][to])).sum(1)
            weight = np.clip(1 - (residual / width) ** 2, 0, 1) ** 2
            rows = np.zeros((len(at), n))
            rows[:, 7 * i : 7 * i + 7] = _slopes(world[i][at] - poses[i].position, to_normals)
            rows[:, 7 * j : 7 * j + 7] = -_slopes(world[j][to] - poses[j].position, to_normals)
            matrix += rows.T @ (weight[:, None] * rows)
            vector += rows.T @ (weight * residual)
    return matrix, vector


def _slopes(arm: Array, normal: Array) -> Array:
    """How `normal . x` changes with (log scale, rotation, translation) of the camera of `x`."""
    return np.concatenate(
        [(normal * arm).sum(1, keepdims=True), np.cross(arm, normal), normal], axis=1
    )
