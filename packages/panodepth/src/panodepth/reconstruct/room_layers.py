"""Several states of one room from one place: what stayed, what went, what came."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.ndimage import binary_opening

from pano_data.io.atomic import write_bytes
from panodepth.errors import CommandError
from panodepth.outputs.meshes import srgb_to_linear
from panodepth.reconstruct.files import to_y_up, write_cloud
from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import Array

CHANGE = 1.1  # a ratio of distances beyond this is a change


class Layer(NamedTuple):
    """Points `(n, 3)` in the world and their colours `(n, 3)`."""

    points: Array
    colours: NDArray[np.uint8]


def compare_states(
    before: PosedPanorama, after: PosedPanorama, change: float = CHANGE
) -> dict[str, Layer]:
    """Return the layers of two panoramas taken from the same place and heading.

    The later distances are first brought to the scale of the earlier ones by the median of their
    ratio, which is the scale as long as most of the room stayed. Changes thinner than three pixels
    are noise of edges and count as unchanged.

    Args:
        before: Earlier state.
        after: Later state, of the same size.
        change: Ratio of distances that counts as a change.

    Returns:
        `unchanged` and `removed` as seen before, `added` as seen after.

    Raises:
        ValueError: The sizes differ, or nothing is seen in both.
    """
    if before.distance.shape != after.distance.shape:
        raise ValueError(
            f"sizes differ: {before.distance.shape} before, {after.distance.shape} after"
        )
    both = (before.distance > 0) & (after.distance > 0)
    if not both.any():
        raise ValueError("no pixel is seen in both states")
    ratio = np.where(both, after.distance, 1) / np.where(both, before.distance, 1)
    scale = float(np.median(ratio[both]))
    removed = _solid(both & (ratio > change * scale))
    added = _solid(both & (ratio * change < scale))
    rescaled = PosedPanorama(
        after.name,
        after.rgb,
        (after.distance / np.float32(scale)).astype(np.float32),
        after.far,
        before.pose,
        before.metric,
    )
    return {
        "unchanged": _layer(before, both & ~removed & ~added),
        "removed": _layer(before, removed),
        "added": _layer(rescaled, added),
    }


def _solid(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wrapped = np.pad(mask, ((0, 0), (3, 3)), mode="wrap")
    opened: NDArray[np.bool_] = binary_opening(wrapped, np.ones((3, 3)))[:, 3:-3]
    return opened


def _layer(panorama: PosedPanorama, mask: NDArray[np.bool_]) -> Layer:
    points, colours = panorama.world_points(mask)
    return Layer(points, colours)


def write_states(folder: Path, name: str, layers: Mapping[str, Layer], unit: str) -> None:
    """Write the layers of a room as one PLY each, and as the nodes of one GLB."""
    scene: Any = trimesh.Scene()
    cloud: Any = trimesh.PointCloud  # its constructor carries no types
    for layer, (points, colours) in layers.items():
        write_cloud(folder / f"{name}_{layer}.ply", points, colours, unit, f"layer: {layer}")
        if len(points):
            coloured = cloud(to_y_up(points), srgb_to_linear(colours))
            scene.add_geometry(coloured, node_name=layer, geom_name=layer)
    write_bytes(folder / f"{name}_states.glb", scene.export(file_type="glb"))


def write_layers(
    first: Sequence[PosedPanorama], later: Mapping[str, Sequence[PosedPanorama]], out: Path
) -> Iterator[str]:
    """Write what stayed, went and came, of every panorama.

    Args:
        first: The first state.
        later: The same panoramas in other states, by the names of the states; several get a folder
        each.
        out: Output folder.

    Yields:
        One line per panorama and state about what was found.

    Raises:
        CommandError: A later state lacks a panorama; nothing is written then.
        ValueError: Two states of a panorama cannot be compared.
    """
    states = {state: _as_first(first, state, panoramas) for state, panoramas in later.items()}
    unit = "m" if first[0].metric else "relative"
    for state, panoramas in states.items():
        folder = out / state if len(states) > 1 else out
        for before, after in zip(first, panoramas, strict=True):
            layers = compare_states(before, after)
            write_states(folder, before.name, layers, unit)
            counts = ", ".join(f"{len(layer.points)} {name}" for name, layer in layers.items())
            yield f"{state}, {before.name}: {counts} points"


def _as_first(
    first: Sequence[PosedPanorama], state: str, panoramas: Sequence[PosedPanorama]
) -> list[PosedPanorama]:
    found = {p.name: p for p in panoramas}
    missing = [p.name for p in first if p.name not in found]
    if missing:
        raise CommandError(f"{state} lacks {', '.join(missing)}: expected the same names")
    return [found[p.name] for p in first]
