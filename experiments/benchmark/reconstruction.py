"""Reconstruct rooms of procedural worlds and score the result against their exact geometry.

`python -m experiments.benchmark.reconstruction --seeds 3 5 [--model MODEL]`
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.spatial import cKDTree

from pano_data import Picture, track, write_json
from pano_geometry import Equirectangular
from pano_worlds import View, Viewpoint, World, make_world, render, upright
from panodepth import CommandError, load_predictor
from panodepth.prediction import PredictedMap
from panodepth.reconstruct.alignment import align
from panodepth.reconstruct.fusion import extract_seen_surface, fuse_points, mesh_free_space
from panodepth.reconstruct.posed_panorama import PosedPanorama, make_posed_panorama, replace_poses
from panodepth.reconstruct.registration import Array, FreeParameters, ScaledPose

HEIGHT = 256
REACH = 5.0  # metres; through windows a world is seen for kilometres
VOXEL = 0.05
THRESHOLD = 0.1
STEP = 1.2  # metres at most between the first panorama and another
NOISE = 0.02
UNKNOWN_SCALE = 0.2  # of the logarithm: two maps of one network differ by less


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


@dataclass(frozen=True)
class ExactSurface:
    """Points and normals `(n, 3)` of what the panoramas see within reach, in the world."""

    points: Array
    normals: Array


def room_views(world: World, views: int, rng: np.random.Generator) -> list[View]:
    """Render panoramas of one room, all roughly level: the first viewpoint and places it sees."""
    camera = Equirectangular(HEIGHT, 2 * HEIGHT)
    first = render(world, world.viewpoints[0], camera)
    rays = camera.rays(dtype=torch.float64).numpy() @ first.rotation.T
    taken = [first]
    while len(taken) < views:
        row, column = rng.integers(3 * HEIGHT // 8, 5 * HEIGHT // 8), rng.integers(2 * HEIGHT)
        if first.distance[row, column] > 1.2:
            step = min(0.5 * float(first.distance[row, column]), STEP)
            heading = upright(rng.uniform(-0.1, 0.1)) @ first.rotation
            at = Viewpoint(first.position + rays[row, column] * step, heading)
            taken.append(render(world, at, camera))
    return taken


def exact_surface(views: Sequence[View]) -> ExactSurface:
    """Return what the views see within reach."""
    points, normals = [], []
    for view in views:
        rays = Equirectangular(*view.distance.shape).rays(dtype=torch.float64).numpy()
        near = (view.distance > 0) & (view.distance < REACH)
        local = (rays * view.distance[..., None])[near]
        points.append(local @ view.rotation.T + view.position)
        normals.append(view.normal[near] @ view.rotation.T)
    return ExactSurface(np.concatenate(points), np.concatenate(normals))


def _exact_panoramas(
    views: Sequence[View], noise: float, rng: np.random.Generator
) -> list[PosedPanorama]:
    panoramas = []
    for i, view in enumerate(views):
        factor = np.exp(rng.normal(0, noise, view.distance.shape)).astype(np.float32)
        near = np.where(view.distance < REACH, view.distance * factor, np.float32(0))
        everything = np.ones(near.shape, dtype=np.bool_)
        prediction = PredictedMap("distance_metric", near, everything, view.sky)
        pose = ScaledPose(1.0, view.rotation, view.position)
        panoramas.append(make_posed_panorama(f"view{i}", view.rgb, prediction, pose, 2 * HEIGHT))
    return panoramas


def _predicted_panoramas(views: Sequence[View], model: str) -> list[PosedPanorama]:
    predictor = load_predictor(model, "cpu")
    panoramas = []
    for i, view in enumerate(views):
        panorama = Picture(view.rgb, np.ones(view.sky.shape, dtype=np.bool_))
        (maps,) = predictor.at_working_size([panorama.tensor])
        prediction = PredictedMap.from_network(maps, panorama)
        pose = ScaledPose(1.0, view.rotation, view.position)
        panoramas.append(make_posed_panorama(f"view{i}", view.rgb, prediction, pose, 2 * HEIGHT))
    return panoramas


def _unaligned(panoramas: Sequence[PosedPanorama]) -> list[PosedPanorama]:
    """Forget the poses: all panoramas start at that of the first."""
    return replace_poses(panoramas, [panoramas[0].pose] * len(panoramas))


def _unscaled(panoramas: Sequence[PosedPanorama], rng: np.random.Generator) -> list[PosedPanorama]:
    """Give each but the first a unit of its own, as predictions without a scale have."""
    factors = [1.0, *np.exp(rng.uniform(-UNKNOWN_SCALE, UNKNOWN_SCALE, len(panoramas) - 1))]
    return [
        replace(p, distance=(p.distance * f).astype(np.float32), metric=False)
        for p, f in zip(panoramas, factors, strict=True)
    ]


def score_reconstruction(
    panoramas: Sequence[PosedPanorama], exact: ExactSurface, seed: int = 0
) -> dict[str, GeometryScores]:
    """Score the fused cloud and the seen surface of aligned panoramas."""
    points, _ = fuse_points(panoramas, VOXEL / 2)
    closed = mesh_free_space(panoramas, VOXEL, REACH)
    surface = extract_seen_surface(closed, panoramas, 1.5 * VOXEL)
    samples, faces = _samples(surface, seed)
    normals = np.asarray(surface.face_normals)[faces]
    return {
        "cloud": score_geometry(points, exact.points, THRESHOLD),
        "mesh": score_geometry(samples, exact.points, THRESHOLD, normals, exact.normals),
    }


def _samples(mesh: trimesh.Trimesh, seed: int) -> tuple[Array, NDArray[np.int64]]:
    points, faces = trimesh.sample.sample_surface(mesh, 100_000, seed=seed)
    return np.asarray(points, dtype=np.float64), np.asarray(faces)


def score_world(seed: int, views: int, model: str | None) -> list[dict[str, Any]]:
    """Return a row for each way of reconstructing one world, and each product."""
    rng = np.random.default_rng(seed)
    seen = room_views(make_world("indoor", seed), views, rng)
    exact = exact_surface(seen)
    clean, noisy = _exact_panoramas(seen, 0.0, rng), _exact_panoramas(seen, NOISE, rng)
    unscaled = _unscaled(noisy, rng)
    ways = {
        "exact distances, known poses": (clean, FreeParameters(False, False)),
        "exact distances, estimated poses": (_unaligned(clean), FreeParameters(False, True)),
        f"{NOISE:.0%} noise, known poses": (noisy, FreeParameters(False, False)),
        f"{NOISE:.0%} noise, estimated poses": (_unaligned(noisy), FreeParameters(False, True)),
        f"{NOISE:.0%} noise, unknown scales, known poses": (unscaled, FreeParameters(True, False)),
        f"{NOISE:.0%} noise, estimated scales and poses": (
            _unaligned(unscaled),
            FreeParameters(True, True),
        ),
    }
    if model is not None:
        predicted = _predicted_panoramas(seen, model)
        free = FreeParameters(not predicted[0].metric, False)
        ways[f"{model}, known poses"] = (predicted, free)
    rows = []
    for way, (panoramas, free) in ways.items():
        try:
            aligned, _ = align(panoramas, free)
        except CommandError as error:
            rows.append({"seed": seed, "way": way, "product": "none", "error": str(error)})
            continue
        off = [
            float(np.linalg.norm(p.pose.position - v.position))
            for p, v in zip(aligned, seen, strict=True)
        ]
        for product, scores in score_reconstruction(aligned, exact).items():
            about = {"seed": seed, "way": way, "product": product, "position_error": max(off)}
            rows.append(about | scores.as_dict())
    return rows


def _table(rows: Sequence[dict[str, Any]]) -> Table:
    names = (
        "position_error",
        "chamfer",
        "accuracy",
        "completeness",
        "precision",
        "recall",
        "normal_error_deg",
    )
    table = Table("seed", "way", "product", *names)
    for row in rows:
        values = [f"{row[n]:.4f}" if n in row else "-" for n in names]
        table.add_row(str(row["seed"]), row["way"], row.get("error", row["product"]), *values)
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; metres and degrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3], help="worlds (default: 3)")
    parser.add_argument("--views", type=int, default=4, help="panoramas per room (default: 4)")
    parser.add_argument("--model", help="score a network's reconstruction, too")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the rows as JSON")
    args = parser.parse_args(argv)
    progress = track(args.seeds, "worlds")
    rows = [row for seed in progress for row in score_world(seed, args.views, args.model)]
    Console(width=200).print(_table(rows))
    if args.out:
        write_json(args.out, rows, indent=2, sort_keys=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
