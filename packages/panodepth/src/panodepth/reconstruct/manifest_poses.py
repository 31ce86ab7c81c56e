"""Poses that a manifest holds of the panoramas behind predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from pano_data.errors import DataError
from pano_data.manifest import Row, read_manifest
from panodepth.errors import CommandError
from panodepth.reconstruct.registration import ScaledPose


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
    found = {name: _row_of(source, rows) for name, source in sources.items()}
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
    return {name: _pose(name, row) for name, row in taken.items()}


def _row_of(source: Path, rows: Mapping[str, Row]) -> Row | None:
    parts = PurePath(source).parts
    tails = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((rows[tail] for tail in tails if tail in rows), None)


def _pose(name: str, row: Row) -> ScaledPose:
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
