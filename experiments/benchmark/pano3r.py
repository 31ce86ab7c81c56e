"""Figure 8 of DA²: panoramas of different rooms become one cloud, moved and nothing else.

`python -m experiments.benchmark.pano3r [DIR --poses FILE | --seed N] --model MODEL
--out FIGURE.png` predicts every panorama by one network, puts the maps at their positions, all by
one scale (none of a room's own, no rotation), and draws panoramas, distances and the cloud from
above and aslant. DIR holds panoramas that look the same way, FILE their positions as `panodepth
reconstruct` reads them; without DIR, rooms of a procedural house stand in, and the cloud is scored
against their exact surface. Beside the figure: `FIGURE.ply` and `FIGURE.json`.

Source: DA² (arXiv 2509.26618), appendix A.1. The paper moves rooms by hand in the network's unit;
here positions are given, and the unit is found by what doors show (`--solve common`).
"""

import argparse
import io
import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.benchmark.reconstruction import (
    REACH,
    THRESHOLD,
    exact_surface,
    score_geometry,
)
from pano_data import Picture, write_json
from pano_data.io.atomic import write_bytes
from pano_geometry import Equirectangular
from pano_worlds import View, Viewpoint, World, make_world, render
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.panorama_files import read_panorama
from panodepth.prediction import PredictedMap, load_predictor
from panodepth.reconstruct.alignment import align
from panodepth.reconstruct.files import write_cloud
from panodepth.reconstruct.fusion import fuse_points
from panodepth.reconstruct.posed_panorama import PosedPanorama, make_posed_panorama, read_poses
from panodepth.reconstruct.registration import Array, FreeParameters, ScaledPose

HEIGHT = 256
SEARCHED = 64  # rows of the renderings by which rooms are chosen
LEAST_SEEN = 0.02  # of a room's surface, through a door
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
PIXELS = 700
ASLANT = np.radians(55.0)  # from straight above
CEILING = 0.3  # of the height of a room is cut away
VOXELS = 160  # of the cloud, along the median distance


def choose_rooms(world: World, count: int) -> list[View]:
    """Choose viewpoints of different rooms that show each other through doors, looking along +z.

    Two viewpoints are in different rooms when something stands between them.

    Args:
        world: A house.
        count: How many rooms; fewer if the house has no more that are connected.
    """
    camera = Equirectangular(SEARCHED, 2 * SEARCHED)
    seen = [render(world, Viewpoint(v.position, np.eye(3)), camera) for v in world.viewpoints]
    shared = np.full((len(seen), len(seen)), -1.0)
    for i, j in itertools.permutations(range(len(seen)), 2):
        shared[i, j] = _share(seen[i], seen[j], camera)
    both = np.minimum(shared, shared.T)
    chosen = [int(i) for i in np.unravel_index(int(both.argmax()), both.shape)]
    while len(chosen) < count and len(chosen) < len(seen):
        rest = [i for i in range(len(seen)) if i not in chosen and both[i, chosen].min() >= 0]
        best = max(rest, key=lambda i: both[i, chosen].max(), default=None)
        if best is None or both[best, chosen].max() < LEAST_SEEN:
            break
        chosen.append(best)
    return [seen[i] for i in chosen]


def _share(one: View, other: View, camera: Equirectangular) -> float:
    """Return the share of a view's surface that another sees; -1 where they are in one room."""
    offset = other.position - one.position
    apart = float(np.linalg.norm(offset))
    column, row = _pixel(camera, offset[None])
    if one.distance[row[0], column[0]] >= apart or one.sky[row[0], column[0]]:
        return -1.0
    rays = camera.rays(dtype=torch.float64).numpy()
    near = (one.distance > 0) & (one.distance < REACH)
    to = (rays * one.distance[..., None])[near] - offset
    away = np.linalg.norm(to, axis=-1)
    column, row = _pixel(camera, to)
    return float((np.abs(other.distance[row, column] / away - 1) < 0.05).mean())


def _pixel(camera: Equirectangular, rays: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pixel = camera.project(torch.from_numpy(rays)).numpy().astype(np.int64)
    return pixel[:, 0] % camera.width, np.clip(pixel[:, 1], 0, camera.height - 1)


def rooms_of_a_house(seed: int, count: int) -> list[View]:
    """Render rooms of a procedural house, at full height.

    Raises:
        CommandError: No two of its viewpoints see each other's room.
    """
    world = make_world("indoor", seed)
    chosen = choose_rooms(world, count)
    if _share(chosen[0], chosen[1], Equirectangular(SEARCHED, 2 * SEARCHED)) < LEAST_SEEN:
        raise CommandError(f"house {seed}: no two rooms see each other; take another --seed")
    camera = Equirectangular(HEIGHT, 2 * HEIGHT)
    return [render(world, Viewpoint(v.position, v.rotation), camera) for v in chosen]


def read_rooms(folder: Path, poses: Path) -> dict[str, tuple[Picture, ScaledPose]]:
    """Read panoramas and their poses, by name.

    Raises:
        CommandError: A panorama cannot be read or has no pose, or there are fewer than two.
    """
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in SUFFIXES)
    if len(found) < 2:
        raise CommandError(f"{folder} holds {len(found)} panoramas, expected two rooms or more")
    known = read_poses(poses)
    missing = [path.stem for path in found if path.stem not in known]
    if missing:
        raise CommandError(f"--poses {poses}: no entry {missing[0]!r}; it has {sorted(known)}")
    try:
        return {path.stem: (read_panorama(path), known[path.stem]) for path in found}
    except BadPanoramaError as error:
        raise CommandError(f"{folder}: {error}") from error


def predict(rooms: dict[str, tuple[Picture, ScaledPose]], model: str) -> list[PosedPanorama]:
    """Predict each panorama by itself, as the network gives it."""
    predictor = load_predictor(model, "auto")
    panoramas = []
    for name, (picture, pose) in rooms.items():
        (maps,) = predictor.at_working_size([picture.tensor])
        prediction = PredictedMap.from_network(maps, picture)
        panoramas.append(make_posed_panorama(name, picture.rgb, prediction, pose, 2 * HEIGHT))
    return panoramas


def with_true_distance(views: Sequence[View]) -> list[PosedPanorama]:
    """Return the rooms with their true distances, in place of a prediction."""
    panoramas = []
    for number, view in enumerate(views):
        everything = np.ones(view.distance.shape, np.bool_)
        near = np.where(view.distance < REACH, view.distance, np.float32(0))
        prediction = PredictedMap("distance_scale_invariant", near, everything, view.sky)
        pose = ScaledPose(1.0, view.rotation, view.position)
        panoramas.append(
            make_posed_panorama(f"room{number}", view.rgb, prediction, pose, 2 * HEIGHT)
        )
    return panoramas


def align_rooms(panoramas: Sequence[PosedPanorama]) -> tuple[list[PosedPanorama], dict[str, Any]]:
    """Bring rooms into one frame by their positions and one scale; none for metric distances."""
    metric = all(p.metric for p in panoramas)
    return align(panoramas, FreeParameters(False, False, common=not metric))


def draw_cloud(
    points: Array, colours: NDArray[np.uint8], view: Literal["above", "aslant"]
) -> NDArray[np.uint8]:
    """Draw a cloud `(n, 3)` (y down) by parallel rays, without what is near the ceiling.

    Returns:
        `(PIXELS, PIXELS, 3)`, white where nothing is.
    """
    low, high = np.quantile(points[:, 1], [0.02, 0.98])
    below = points[:, 1] > low + CEILING * (high - low)
    points, colours = points[below], colours[below]
    tilt = 0.0 if view == "above" else ASLANT
    # right, down the picture, away from the eye: the eye is above, and leans back by `tilt`
    down = np.array([0.0, np.sin(tilt), -np.cos(tilt)])
    away = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    at = np.stack([points[:, 0], points @ down], 1)
    middle = (at.min(0) + at.max(0)) / 2
    side = 1.05 * float((at.max(0) - at.min(0)).max())
    pixel = ((at - middle) / side + 0.5) * PIXELS
    order = np.argsort(-(points @ away))  # the nearest is painted last
    image = np.full((PIXELS, PIXELS, 3), 255, np.uint8)
    for right, lower in itertools.product((0, 1), repeat=2):
        column, row = np.clip((pixel[order] + (right, lower)).T.astype(int), 0, PIXELS - 1)
        image[row, column] = colours[order]
    return image


def draw(panoramas: Sequence[PosedPanorama], points: Array, colours: NDArray[np.uint8]) -> bytes:
    """Draw the figure: a row for each room, and the cloud twice; PNG."""
    count = len(panoramas)
    figure: Figure = plt.figure(figsize=(11, 1.1 * count + 5), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.1 * count, 5], squeeze=False)[:, 0]
    axes = upper.subplots(count, 2, squeeze=False)
    for (left, right), panorama in zip(axes, panoramas, strict=True):
        left.imshow(panorama.rgb)
        known = np.where(panorama.distance > 0, panorama.distance, np.nan)
        right.imshow(1 / known, cmap="Spectral_r")
        left.set_ylabel(panorama.name)
    views: tuple[Literal["above", "aslant"], ...] = ("above", "aslant")
    for place, view in zip(lower.subplots(1, 2), views, strict=True):
        place.imshow(draw_cloud(points, colours, view))
        place.set_xlabel(view)
    for place in figure.axes:
        place.set(xticks=[], yticks=[])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    plt.close(figure)
    return buffer.getvalue()


def make_figure(
    panoramas: Sequence[PosedPanorama], out: Path, views: Sequence[View] = ()
) -> dict[str, Any]:
    """Put rooms together and write figure, cloud and report.

    Args:
        panoramas: Of different rooms, at given positions.
        out: The figure.
        views: The same rooms as they truly are, to score the cloud by.

    Raises:
        CommandError: Their positions tell no common scale, or they contradict each other.
    """
    aligned, report = align_rooms(panoramas)
    near = [np.median(p.distance[p.distance > 0]) * p.pose.scale for p in aligned]
    points, colours = fuse_points(aligned, float(np.median(near)) / VOXELS)
    report |= {"scale": aligned[0].pose.scale, "unit": "m", "points": len(points)}
    if views:
        scores = score_geometry(points, exact_surface(views).points, THRESHOLD)
        report["scores"] = scores.as_dict()
    write_bytes(out, draw(aligned, points, colours))
    write_cloud(out.with_suffix(".ply"), points, colours, "m")
    write_json(out.with_suffix(".json"), report, indent=2, sort_keys=False)
    return report


def main(argv: Sequence[str] | None = None) -> int:
    """Write the figure; 0, or 2 where the rooms cannot be put together."""
    parser = argparse.ArgumentParser("python -m experiments.benchmark.pano3r", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="panoramas of rooms")
    parser.add_argument("--poses", type=Path, metavar="FILE", help="their positions, JSON")
    parser.add_argument("--seed", type=int, default=1, help="house, without DIR (default: 1)")
    parser.add_argument("--rooms", type=int, default=3, help="of the house (default: 3)")
    parser.add_argument("--model", help="MODEL as of predict; of a house: its exact distances")
    parser.add_argument("--out", type=Path, required=True, metavar="FIGURE.png")
    given = parser.parse_args(argv)
    if given.folder and not (given.poses and given.model):
        parser.error("DIR goes with --poses and --model")
    try:
        if given.folder:
            report = make_figure(
                predict(read_rooms(given.folder, given.poses), given.model), given.out
            )
        else:
            views = rooms_of_a_house(given.seed, given.rooms)
            panoramas = with_true_distance(views)
            if given.model:
                rooms = {
                    p.name: (Picture(v.rgb, np.ones(v.sky.shape, np.bool_)), p.pose)
                    for p, v in zip(panoramas, views, strict=True)
                }
                panoramas = predict(rooms, given.model)
            report = make_figure(panoramas, given.out, views)
    except CommandError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    told = report.get("scores", {}).get("chamfer")
    score = "" if told is None else f", {told:.3f} m from the exact surface"
    sys.stdout.write(
        f"{report['points']} points at scale {report['scale']:.4g}{score} -> {given.out}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
