"""Panoramas with a pose: where it comes from, and what is seen of a point in the world."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pano_data.errors import DataError
from pano_data.manifest import Row, read_manifest
from pano_geometry import Equirectangular, distance_to_normals, resize
from pano_geometry.pixels import centres, to_index
from panodepth.errors import BadPanoramaError, CommandError
from panodepth.outputs.point_cloud import MAX_POINTS, sample_sphere
from panodepth.outputs.records import load_prediction, read_record, record_name
from panodepth.outputs.surface import (
    EDGE_RATIO,
    estimate_edge_blur,
    find_flying_pixels,
    to_distance,
    unproject_pixels,
)
from panodepth.panorama_files import read_panorama
from panodepth.prediction import PredictedMap
from panodepth.reconstruct.registration import Array, Cloud, ScaledPose, identity_pose


@dataclass(frozen=True)
class PosedPanorama:
    """A panorama, its distances, and where it was taken.

    Attributes:
        name: Of the prediction.
        rgb: `(h, w, 3)` uint8.
        distance: `(h, w)` float32 in the camera's own unit; 0 where nothing is known.
        far: `(h, w)` bool: nothing within range, the ray is free.
        pose: Camera (x right, y down, z forward) to world; its scale brings distances to metres.
        metric: Distances are metres already.
    """

    name: str
    rgb: NDArray[np.uint8]
    distance: NDArray[np.float32]
    far: NDArray[np.bool_]
    pose: ScaledPose
    metric: bool

    def world_points(
        self, where: NDArray[np.bool_] | None = None
    ) -> tuple[Array, NDArray[np.uint8]]:
        """Points `(n, 3)` in the world and their colours, spread evenly over the sphere.

        Args:
            where: `(h, w)` pixels to use; all that have a distance if not given.
        """
        rows, columns = sample_sphere(self.distance.shape[0], self.distance.shape[1], MAX_POINTS)
        known = self.distance > 0 if where is None else where & (self.distance > 0)
        keep = known[rows, columns]
        rows, columns = rows[keep], columns[keep]
        points = unproject_pixels(self.distance, rows, columns).astype(np.float64)
        return self.pose.apply(points), self.rgb[rows, columns]

    def world_rays(self) -> Array:
        """`(h, w, 3)` unit directions of the pixels in the world."""
        height, width = self.distance.shape
        rays = Equirectangular(height, width).rays(dtype=torch.float64).numpy()
        return np.asarray(rays @ self.pose.rotation.T)

    def cloud(self, points: int) -> Cloud:
        """Points and normals in the camera frame for `register`, about `points` of them."""
        rows, columns = sample_sphere(self.distance.shape[0], self.distance.shape[1], points)
        normals = distance_to_normals(torch.from_numpy(self.distance)[None, None])[0].permute(
            1, 2, 0
        )
        chosen = normals.numpy()[rows, columns]
        keep = (np.abs(chosen).sum(1) > 0) & (self.distance > 0)[rows, columns]
        at = unproject_pixels(self.distance, rows, columns)[keep]
        return Cloud(at.astype(np.float64), chosen[keep].astype(np.float64))

    def seen_distance(self, world: Array) -> tuple[Array, Array]:
        """How far the panorama sees in the direction of points, and how far away they are.

        Args:
            world: `(n, 3)`.

        Returns:
            Both `(n,)` in the world's unit; seen is 0 where nothing is known, infinity where it is
            far.
        """
        u, v = self._indices(world)
        seen = _interpolate(self.distance, u, v) * self.pose.scale
        far = self.far[np.rint(v).astype(int), np.rint(u).astype(int) % self.far.shape[1]]
        away = np.linalg.norm(world - self.pose.position, axis=1)
        return np.where(far, np.inf, seen), away

    def seen_colour(self, world: Array) -> NDArray[np.uint8]:
        """The panorama's colour in the direction of points `(n, 3)`: `(n, 3)` uint8."""
        u, v = self._indices(world)
        at = (np.rint(v).astype(int), np.rint(u).astype(int) % self.rgb.shape[1])
        return np.asarray(self.rgb[at])

    def picture_coordinates(self, world: Array) -> Array:
        """Where points `(n, 3)` lie in the picture: `(n, 2)` from 0 to 1, origin bottom left."""
        height, width = self.rgb.shape[:2]
        u, v = np.moveaxis(self._pixels(world).numpy(), -1, 0)
        return np.stack([u / width, 1 - v / height], axis=1)

    def _indices(self, world: Array) -> tuple[Array, Array]:
        """Column and row of points, in indices (integers at pixel centres).

        Rows inside the image.
        """
        index = to_index(self._pixels(world)).numpy()
        return index[..., 0], index[..., 1]

    def _pixels(self, world: Array) -> torch.Tensor:
        """Column and row of points in pixels, `(n, 2)`, no row beyond the first and last centre."""
        height, width = self.distance.shape
        local = (world - self.pose.position) @ self.pose.rotation
        pixel: torch.Tensor = Equirectangular(height, width).project(torch.from_numpy(local))
        rows = centres(height)
        pixel[..., 1].clamp_(rows[0], rows[-1])
        return pixel


def _interpolate(distance: NDArray[np.float32], u: Array, v: Array) -> Array:
    """Bilinear in the inverse distance, exact on planes; the nearest pixel at edges and holes."""
    height, width = distance.shape
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    a, b = u - left, v - top
    rows, columns = (top, np.minimum(top + 1, height - 1)), (left % width, (left + 1) % width)
    corners = np.stack([distance[r, c] for r in rows for c in columns]).astype(np.float64)
    weights = np.stack([(1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a])
    nearest = np.take_along_axis(corners, weights.argmax(0)[None], 0)[0]
    smooth = (corners.min(0) > 0) & (corners.max(0) <= EDGE_RATIO * corners.min(0))
    inverse = (weights / np.where(corners > 0, corners, 1)).sum(0)
    return np.asarray(np.where(smooth, 1 / inverse, nearest))


def make_posed_panorama(
    name: str, rgb: NDArray[np.uint8], prediction: PredictedMap, pose: ScaledPose, width: int
) -> PosedPanorama:
    """A posed panorama from a prediction, at most `width` wide.

    Find_flying_pixels edges are unknown.
    """
    small = prediction.downsample(width)
    distance = to_distance(small)
    distance = np.where(
        find_flying_pixels(distance, estimate_edge_blur(small)), np.float32(0), distance
    )
    height, columns = distance.shape
    return PosedPanorama(
        name,
        resize(rgb, (height, columns)),
        distance,
        small.far & small.valid,
        pose,
        prediction.kind == "distance_metric",
    )


def read_poses(path: Path) -> dict[str, ScaledPose]:
    """Read poses from JSON: `{"name": {"position": [x, y, z], "rotation": [[...], [...], [...]]}}`.

    Metres; world axes x right, y down, z forward; the rotation is camera-to-world and may be left
    out; `scale` brings the distances of a panorama to metres, 1 if it is left out. The
    `reconstruction.json` of `panodepth reconstruct` is read, too.

    Raises:
        CommandError: The file is missing or not of this form.
    """
    try:
        content = json.loads(path.read_text())
        poses = content.get("poses", content) if isinstance(content, dict) else content
        if not isinstance(poses, dict):
            raise TypeError(f"got a {type(poses).__name__}")
        return {name: _pose(name, entry) for name, entry in poses.items()}
    except (OSError, ValueError, TypeError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise CommandError(
            f"--poses {path} cannot be used ({reason}): expected "
            '{"name": {"position": [x, y, z], "rotation": 3x3 or nothing}}'
        ) from error


def _pose(name: str, entry: Any) -> ScaledPose:
    if not isinstance(entry, dict) or "position" not in entry:
        raise ValueError(f"{name} has no position")
    position = np.array(entry["position"], dtype=np.float64)
    rotation = np.array(entry.get("rotation", np.eye(3)), dtype=np.float64)
    if position.shape != (3,) or rotation.shape != (3, 3):
        raise ValueError(f"position {position.shape}, rotation {rotation.shape}")
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise ValueError("a rotation is not orthonormal and right-handed")
    scale = float(entry.get("scale", 1.0))
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale {scale}")
    return ScaledPose(scale, rotation, position)


def load_posed_panoramas(
    records: Sequence[Path], folder: Path, poses: dict[str, ScaledPose] | None, width: int
) -> list[PosedPanorama]:
    """Read predictions with their panoramas and poses.

    Raises:
        CommandError: A source image is gone, a pose is missing, or a prediction has no map.
    """
    loaded = []
    for path in records:
        name = record_name(path, folder)
        if poses is not None and name not in poses:
            raise CommandError(f"--poses has no entry {name!r}; it has {', '.join(sorted(poses))}")
        source = Path(read_record(path)["source"])
        try:
            rgb = read_panorama(source, force_aspect=True).rgb
        except BadPanoramaError as error:
            raise CommandError(
                f"the panorama of {path} is needed for its colours: {source}: {error}"
            ) from error
        pose = identity_pose() if poses is None else poses[name]
        loaded.append(make_posed_panorama(name, rgb, load_prediction(path), pose, width))
    return loaded


def replace_poses(
    panoramas: Sequence[PosedPanorama], poses: Sequence[ScaledPose]
) -> list[PosedPanorama]:
    """The same panoramas at other poses."""
    return [replace(p, pose=q) for p, q in zip(panoramas, poses, strict=True)]


def read_manifest_poses(
    manifest: Path, sources: Mapping[str, Path], scene: str | None = None
) -> dict[str, ScaledPose]:
    """Return the poses of panoramas by the rows of a manifest whose images they are.

    A row and a panorama belong together when the path of the panorama ends with the image of the
    row.

    Args:
        manifest: Parquet file of rows.
        sources: Panoramas by the names of their predictions.
        scene: Take only those of this scene; without it all must be of one scene.

    Returns:
        Camera (x right, y down, z forward) to the scene's world (y down), metres, by name.

    Raises:
        CommandError: The manifest cannot be read, does not know a panorama or its pose, or the
            panoramas are of several scenes, which share no world.
    """
    try:
        rows = {row.image: row for row in read_manifest(manifest)}
    except (DataError, OSError) as error:
        raise CommandError(f"--manifest {manifest} cannot be used: {error}") from error
    found = {name: _row_of_source(source, rows) for name, source in sources.items()}
    unknown = sorted(name for name, row in found.items() if row is None)
    if unknown:
        raise CommandError(
            f"--manifest {manifest} has no row for {_some(unknown)}: expected a row whose image is "
            "the end of the panorama's path"
        )
    known = {name: row for name, row in found.items() if row is not None}
    scenes = sorted({row.scene for row in known.values()})
    if scene is None and len(scenes) > 1:
        raise CommandError(
            f"the panoramas are of {len(scenes)} scenes, which share no world: choose one by "
            f"--scene ({_some(scenes)})"
        )
    taken = {name: row for name, row in known.items() if scene in (None, row.scene)}
    if not taken:
        raise CommandError(f"no panorama is of --scene {scene}: expected one of {_some(scenes)}")
    return {name: _pose_of_row(name, row) for name, row in taken.items()}


def _row_of_source(source: Path, rows: Mapping[str, Row]) -> Row | None:
    parts = PurePath(source).parts
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((rows[tail] for tail in tails if tail in rows), None)


def _pose_of_row(name: str, row: Row) -> ScaledPose:
    if row.pose is None:
        raise CommandError(
            f"{name}: its row ({row.dataset}, {row.key}) has no pose: the layout has none, or the "
            "file was not there when the manifest was made"
        )
    matrix = np.reshape(row.pose, (4, 4))
    return ScaledPose(1.0, matrix[:3, :3], matrix[:3, 3])


def _some(names: Sequence[str]) -> str:
    rest = f", ... ({len(names)} in all)" if len(names) > 5 else ""
    return ", ".join(names[:5]) + rest
