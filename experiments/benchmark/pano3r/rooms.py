"""Rooms of one house as posed panoramas: rendered or read, with true or predicted distances."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.benchmark.reconstruction import REACH
from pano_data import Picture
from pano_geometry import Equirectangular
from pano_worlds import View, Viewpoint, World, make_world, render
from panodepth import BadPanoramaError, CommandError, load_predictor
from panodepth.panorama_files import read_panorama
from panodepth.prediction import PredictedMap
from panodepth.reconstruct.posed_panorama import PosedPanorama, make_posed_panorama, read_poses
from panodepth.reconstruct.registration import Array, ScaledPose

HEIGHT = 256
SEARCHED = 64  # rows of the renderings by which rooms are chosen
LEAST_SEEN = 0.02  # of a room's surface, through a door
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
BELOW = np.radians(60.0)  # under the horizon: the floor, and little that stands on it


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


def height_over_floor(panorama: PosedPanorama) -> float:
    """Return how high the camera of a level panorama stands over the floor, in its own unit.

    The median over what it sees 60 degrees and more below the horizon.

    Raises:
        CommandError: Nothing is known there.
    """
    height, width = panorama.distance.shape
    rays = Equirectangular(height, width).rays(dtype=torch.float64).numpy()
    below = (rays[..., 1] > np.sin(BELOW)) & (panorama.distance > 0)
    if not below.any():
        raise CommandError(
            f"{panorama.name} has no distance below the camera: --height says nothing"
        )
    return float(np.median((panorama.distance * rays[..., 1])[below]))


def only_near(panorama: PosedPanorama, view: View) -> PosedPanorama:
    """Return a panorama with the distances of what is truly within reach, the others 0."""
    near = (view.distance > 0) & (view.distance < REACH)
    kept = np.where(near, panorama.distance, np.float32(0))
    return replace(panorama, distance=kept.astype(np.float32))
