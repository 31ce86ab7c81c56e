"""Where panoramas were taken, or how far they see, without a guess: search by what they see."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import Array, Cloud, FreeParameters, ScaledPose, register

POINTS = 4000
LEVEL_STEPS = np.linspace(-1.2, 1.2, 11)  # of the median distance; x and z of the starts
HEIGHT_STEPS = (-0.2, 0.0, 0.2)  # of the median distance
SCALE_STEPS = (0.85, 1.0, 1.18)  # of the scale, where it is free
ROUGH, MIDDLE, FINE = 0.15, 0.1, 0.05  # of the logarithm of a distance: on the surface
ALIGNED_STARTS, REFINED_STARTS = 8, 3
COMMON_FACTORS = np.geomspace(0.02, 5.0, 120)  # median distance over that of the nearest camera
REFINED_FACTORS = 3
SEEN_THROUGH = 0.9  # a point nearer than this share of the seen distance contradicts it


def search_poses(panoramas: Sequence[PosedPanorama], free: FreeParameters) -> list[ScaledPose]:
    """Find the poses of panoramas taken level, within about 10° of one heading, in one room.

    For each panorama, starts on a grid of positions around the first one are ranked by how well
    each of the two fits what the other sees; the best are aligned, ranked again and aligned finely.
    A joint alignment of all follows.

    Args:
        panoramas: The first one holds frame and unit; the headings of the others are used.
        free: What may change; the poses at least.
    """
    clouds = [p.cloud(POINTS) for p in panoramas]
    best = [panoramas[0].pose]
    for cloud, panorama in zip(clouds[1:], panoramas[1:], strict=True):
        best.append(_search_one(panoramas[0], clouds[0], panorama, cloud, free))
    return register(clouds, best, free)


def search_common_scale(panoramas: Sequence[PosedPanorama]) -> list[ScaledPose]:
    """Find the one factor that brings the distances of all panoramas to the unit of their poses.

    For panoramas of different rooms, which share no more than what a door shows: too small a factor
    leaves what is seen through the door in front of the other room's walls, too large a factor puts
    walls of one room into the space of another. Factors on a grid are ranked by how well each
    panorama fits what the others see; the best are refined. Two sides of a wall are no surface that
    both rooms see: they would say that it has no thickness.

    Args:
        panoramas: Two or more, at different positions, with distances in one unit.

    Returns:
        The poses with scales; their ratios are as given.
    """
    clouds = [p.cloud(POINTS) for p in panoramas]
    places = np.stack([p.pose.position for p in panoramas])
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    reach = [np.median(np.linalg.norm(c.points, axis=1)) * p.pose.scale
             for c, p in zip(clouds, panoramas, strict=True)]  # fmt: skip
    unit = float(np.median(apart.min(axis=1)) / np.median(reach))

    def disagreement(log_factor: float, width: float) -> float:
        moved = [replace(p, pose=_scaled(p.pose, float(np.exp(log_factor)))) for p in panoramas]
        pairs = itertools.permutations(range(len(moved)), 2)
        return -sum(_score_room(clouds[i], moved[i].pose, moved[j], width) for i, j in pairs)

    def refine(at: float, width: float, by: float) -> float:
        found = minimize_scalar(
            disagreement, bounds=(at - by, at + by), args=(width,), method="bounded",
            options={"xatol": 1e-4},
        )  # fmt: skip
        return float(found.x)

    grid = np.log(COMMON_FACTORS * unit)
    rough = sorted(grid, key=lambda at: disagreement(at, MIDDLE))[:REFINED_FACTORS]
    found = [refine(at, MIDDLE, float(grid[1] - grid[0])) for at in rough]
    best = refine(min(found, key=lambda at: disagreement(at, MIDDLE)), FINE, 0.02)
    return [_scaled(p.pose, float(np.exp(best))) for p in panoramas]


def _scaled(pose: ScaledPose, factor: float) -> ScaledPose:
    return replace(pose, scale=pose.scale * factor)


def _score_room(cloud: Cloud, pose: ScaledPose, other: PosedPanorama, width: float) -> float:
    """`score_fit`, where a point is on the surface only if the other one sees the same side."""
    world = pose.apply(cloud.points)
    ratio, known = _log_ratios(world, other)
    if not ratio.size:
        return 0.0
    front = _facing(cloud, pose, world, other)[known]
    on = np.clip(1 - np.abs(ratio) / width, 0, 1) * front
    return float((on - np.clip(-ratio / (2 * width), 0, 1)).mean())


def _facing(
    cloud: Cloud, pose: ScaledPose, world: Array, other: PosedPanorama
) -> NDArray[np.bool_]:
    """Tell which points of a cloud the other panorama would see from the side that is known."""
    normals = cloud.normals @ pose.rotation.T
    toward = ((other.pose.position - world) * normals).sum(1)
    own = ((pose.position - world) * normals).sum(1)
    return np.asarray(toward * own > 0)


def measure_agreement(panoramas: Sequence[PosedPanorama]) -> list[float]:
    """For each panorama, how well it and the one it fits best see the same surfaces, up to 1.

    The mean of both directions of `score_fit`, where two sides of a wall do not count; about 0
    for rooms without a door between them, below 0 where they contradict each other.
    """
    clouds = [p.cloud(POINTS) for p in panoramas]
    scores = np.full((len(clouds), len(clouds)), -np.inf)
    for i, j in itertools.permutations(range(len(clouds)), 2):
        scores[i, j] = _score_room(clouds[i], panoramas[i].pose, panoramas[j], MIDDLE)
    return [float(s) for s in ((scores + scores.T) / 2).max(axis=1)]


def _search_one(
    first: PosedPanorama,
    first_cloud: Cloud,
    other: PosedPanorama,
    cloud: Cloud,
    free: FreeParameters,
) -> ScaledPose:
    pair = (first, other)
    rough, fine = ([_thin(c, k) for c in (first_cloud, cloud)] for k in (8, 4))
    size = float(np.median(np.linalg.norm(first_cloud.points, axis=1))) * first.pose.scale
    found = _starts(replace(other.pose, position=first.pose.position), size, free.scale)
    found = _best(pair, rough, found, ROUGH, ALIGNED_STARTS)
    found = [register(fine, [first.pose, p], free, iterations=12)[1] for p in found]
    found = _best(pair, fine, found, FINE, REFINED_STARTS)
    found = [register([first_cloud, cloud], [first.pose, p], free)[1] for p in found]
    return _best(pair, fine, found, FINE, 1)[0]


def _starts(around: ScaledPose, size: float, scaled: bool) -> list[ScaledPose]:
    grid = itertools.product(
        SCALE_STEPS if scaled else (1.0,), LEVEL_STEPS, HEIGHT_STEPS, LEVEL_STEPS
    )
    return [
        around.moved(np.array([np.log(scale), 0, 0, 0, x * size, y * size, z * size]))
        for scale, x, y, z in grid
    ]


def _best(
    pair: tuple[PosedPanorama, PosedPanorama],
    clouds: Sequence[Cloud],
    poses: Sequence[ScaledPose],
    width: float,
    count: int,
) -> list[ScaledPose]:
    """The poses of the second panorama at which the two agree most."""
    first, other = pair

    def agreement(pose: ScaledPose) -> float:
        on_first = score_fit(pose.apply(clouds[1].points), first, width)
        return on_first + score_fit(
            first.pose.apply(clouds[0].points), replace(other, pose=pose), width
        )

    return sorted(poses, key=agreement, reverse=True)[:count]


def _thin(cloud: Cloud, step: int) -> Cloud:
    return Cloud(cloud.points[::step], cloud.normals[::step])


def _log_ratio(world: Array, panorama: PosedPanorama) -> Array:
    """Logarithm of how far points are over how far the panorama sees there, where it sees."""
    return _log_ratios(world, panorama)[0]


def _log_ratios(world: Array, panorama: PosedPanorama) -> tuple[Array, NDArray[np.bool_]]:
    """The same, and which of the points these are."""
    seen, away = panorama.seen_distance(world)
    known = (seen > 0) & (away > 0)
    near = np.isfinite(seen[known])
    ratio = np.log(away[known] / np.where(near, seen[known], 1))
    return np.where(near, ratio, -np.inf), known


def score_fit(world: Array, panorama: PosedPanorama, width: float) -> float:
    """How well points in the world fit what a panorama sees, from -1 to 1.

    The mean of 1 for a point on the surface (falling to 0 at `width` of the logarithm of the
    distance), -1 for one that is seen through, 0 for one that is hidden behind the surface.

    Args:
        world: `(n, 3)`.
        panorama: At its pose.
        width: Of the logarithm.
    """
    ratio = _log_ratio(world, panorama)
    if not ratio.size:
        return -1.0
    on = np.clip(1 - np.abs(ratio) / width, 0, 1)
    return float((on - np.clip(-ratio / (2 * width), 0, 1)).mean())


def measure_see_through(panoramas: Sequence[PosedPanorama], worst: bool = False) -> list[float]:
    """For each panorama, the share of points that it and the one it fits best see through.

    The larger share of the two directions. Well above that of wrong edges, it tells that the
    panorama is at a wrong place, even where floor and walls coincide.

    Args:
        panoramas: At their poses, two or more.
        worst: Take the one that it fits worst: of different rooms, some share nothing.
    """
    worlds = [p.pose.apply(p.cloud(POINTS).points) for p in panoramas]
    shares = np.full((len(worlds), len(worlds)), np.inf)
    for i, j in itertools.permutations(range(len(worlds)), 2):
        ratio = _log_ratio(worlds[i], panoramas[j])
        shares[i, j] = (ratio < np.log(SEEN_THROUGH)).mean() if ratio.size else 1.0
    both = np.maximum(shares, shares.T)
    np.fill_diagonal(both, -np.inf if worst else np.inf)
    return [float(s) for s in (both.max(axis=1) if worst else both.min(axis=1))]
