"""One point cloud and one closed surface from several posed panoramas."""

import itertools
from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import trimesh
from numpy.typing import NDArray

from panodepth.reconstruct.posed_panorama import PosedPanorama
from panodepth.reconstruct.registration import Array

Faces = NDArray[np.int64]
Scalar = TypeVar("Scalar", np.float32, np.bool_)
_CORNERS = tuple(itertools.product((0, 1), repeat=3))
SEEN_THROUGH = (
    0.9  # a point nearer than this share of what another panorama sees there is not solid
)
MAX_VOXELS = 12_000_000
CHUNK = 400_000


def surface_nets(field: NDArray[np.float32]) -> tuple[NDArray[np.float64], Faces]:
    """The surface where a field changes its sign, in grid coordinates.

    One vertex a cell that the surface crosses (mean of the crossings of its edges), one square a
    grid edge. Every edge of the result belongs to an even number of triangles, wherever the
    outermost layer of the field has one sign.

    Args:
        field: `(x, y, z)`, at least 2 each; finite, not zero.

    Returns:
        Vertices `(n, 3)` in units of the grid and faces `(m, 3)`, counter-clockwise seen from the
        positive side.

    Source: Gibson 1998, "Constrained elastic surface nets".
    """
    positive = field > 0
    total = np.zeros((*(s - 1 for s in field.shape), 3))
    count = np.zeros(total.shape[:3], dtype=np.int64)
    for a, b in itertools.combinations(_CORNERS, 2):
        if sum(abs(p - q) for p, q in zip(a, b, strict=True)) != 1:
            continue
        fa, fb = _corner(field, a), _corner(field, b)
        crossed = _corner(positive, a) != _corner(positive, b)
        share = np.where(crossed, fa, 0) / np.where(crossed, fa - fb, 1)
        total += crossed[..., None] * (np.array(a) + share[..., None] * np.subtract(b, a))
        count += crossed
    used = count > 0
    vertices = np.argwhere(used) + total[used] / count[used][:, None]
    index = np.full(count.shape, -1, dtype=np.int64)
    index[used] = np.arange(len(vertices))
    return vertices, np.concatenate([_squares(positive, index, axis) for axis in range(3)])


def _corner(grid: NDArray[Scalar], corner: tuple[int, ...]) -> NDArray[Scalar]:
    return grid[tuple(slice(c, s - 1 + c) for c, s in zip(corner, grid.shape, strict=True))]


def _squares(positive: NDArray[np.bool_], index: Faces, axis: int) -> Faces:
    """Two triangles for each crossed grid edge along an axis, joining the four cells around it."""
    sign = np.moveaxis(positive, axis, 0)
    cells = np.moveaxis(index, axis, 0)
    low, high = sign[:-1, 1:-1, 1:-1], sign[1:, 1:-1, 1:-1]
    at = np.argwhere(low != high)
    around = [
        cells[at[:, 0], at[:, 1] + dy, at[:, 2] + dz] for dy, dz in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    # Turning an odd axis to the front keeps the handedness; the middle one reverses it.
    flip = low[tuple(at.T)] ^ (axis == 1)
    a, c = around[0], around[2]
    b, d = np.where(flip, around[3], around[1]), np.where(flip, around[1], around[3])
    return np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def fuse_points(
    panoramas: Sequence[PosedPanorama], voxel: float
) -> tuple[Array, NDArray[np.uint8]]:
    """Points of all panoramas in the world, one a voxel, without those that another sees through.

    A point is left out when more panoramas look through it than hold something there.

    Args:
        panoramas: Posed in one frame.
        voxel: Side of a voxel in the world's unit.

    Returns:
        `(n, 3)` points (x right, y down, z forward), means over their voxels, and `(n, 3)` colours.
    """
    points, colours = [], []
    for i, panorama in enumerate(panoramas):
        world, colour = panorama.world_points()
        votes = np.zeros(len(world), dtype=int)
        for j, other in enumerate(panoramas):
            if i != j:
                seen, away = other.seen_distance(world)
                votes += np.where(away < SEEN_THROUGH * seen, -1, 0)
                votes += (seen > 0) & (np.abs(away - seen) <= (1 - SEEN_THROUGH) * seen)
        points.append(world[votes >= 0])
        colours.append(colour[votes >= 0])
    return _voxel_means(np.concatenate(points), np.concatenate(colours), voxel)


def _voxel_means(
    points: Array, colours: NDArray[np.uint8], voxel: float
) -> tuple[Array, NDArray[np.uint8]]:
    if not len(points):
        return points, colours
    cells = np.floor(points / voxel).astype(np.int64)
    _, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    both = np.concatenate([points, colours.astype(np.float64)], axis=1)
    means = np.stack([np.bincount(inverse.ravel(), column) / counts for column in both.T], axis=1)
    return means[:, :3], np.rint(means[:, 3:]).astype(np.uint8)


def carve_free_space(
    panoramas: Sequence[PosedPanorama], voxel: float, reach: float
) -> tuple[NDArray[np.float32], Array]:
    """How deep inside the seen free space each voxel lies, in the world's unit.

    A voxel is free when one panorama sees past it: `max_i (seen distance - distance)`, clipped to
    three voxels. What nobody saw counts as solid, so the surface between is closed.

    Args:
        panoramas: Posed in one frame.
        voxel: Side of a voxel.
        reach: FreeParameters space farther than this from every camera is cut off.

    Returns:
        The field `(x, y, z)`, negative in its outermost layer, and the world position of voxel (0,
        0, 0).
    """
    low, high = _extent(panoramas, reach)
    low, high = low - 2 * voxel, high + 2 * voxel
    shape = tuple(int(n) + 1 for n in np.ceil((high - low) / voxel))
    if np.prod(shape, dtype=np.float64) > MAX_VOXELS:
        raise ValueError(f"{shape} voxels of {voxel:g}: more than {MAX_VOXELS:,}; take larger ones")
    field = np.full(int(np.prod(shape)), -3 * voxel, dtype=np.float32)
    for start in range(0, len(field), CHUNK):
        at = np.stack(np.unravel_index(np.arange(start, min(start + CHUNK, len(field))), shape), 1)
        world = low + at * voxel
        part = field[start : start + CHUNK]
        for panorama in panoramas:
            away = np.linalg.norm(world - panorama.pose.position, axis=1)
            open_to = np.flatnonzero((part < 3 * voxel) & (away < reach + 3 * voxel))
            seen, away = panorama.seen_distance(world[open_to])
            depth = np.clip(np.minimum(seen, reach) - away, -3 * voxel, 3 * voxel)
            part[open_to] = np.maximum(part[open_to], depth.astype(np.float32))
    grid = field.reshape(shape)
    for axis in range(3):
        np.moveaxis(grid, axis, 0)[[0, -1]] = -3 * voxel
    grid[grid == 0] = -1e-6 * voxel
    return grid, low


def find_finest_voxel(panoramas: Sequence[PosedPanorama], reach: float) -> float:
    """Side of the smallest voxels that `carve_free_space` still holds in memory."""
    low, high = _extent(panoramas, reach)
    side = 0.0
    for _ in range(6):  # the margin is counted in voxels
        side = float(np.cbrt(np.prod(high - low + 6 * side) / MAX_VOXELS))
    return side


def _extent(panoramas: Sequence[PosedPanorama], reach: float) -> tuple[Array, Array]:
    corners = []
    for panorama in panoramas:
        rays = panorama.world_rays()
        away = np.where(panorama.far, np.inf, panorama.distance * panorama.pose.scale)
        ends = rays * np.minimum(away, reach)[..., None] + panorama.pose.position
        corners.append(ends.reshape(-1, 3))
    everything = np.concatenate(corners)
    return everything.min(0), everything.max(0)


def mesh_free_space(
    panoramas: Sequence[PosedPanorama], voxel: float, reach: float
) -> trimesh.Trimesh:
    """The closed boundary of the free space that the panoramas saw: a collision mesh.

    Every edge borders an even number of triangles. Faces look into the free space; frame x right, y
    down, z forward.

    Raises:
        ValueError: More voxels than are held in memory.
    """
    field, low = carve_free_space(panoramas, voxel, reach)
    vertices, faces = surface_nets(field)
    mesh = trimesh.Trimesh(vertices * voxel + low, faces, process=False)
    return remove_small_pieces(mesh)


def remove_small_pieces(mesh: trimesh.Trimesh) -> trimesh.Trimesh:
    """The mesh without pieces of less than 2 % of the largest one's triangles.

    Closed if it was closed.

    Crumbs of free space behind an edge, where one ray slipped past, are nobody's room.
    """
    if not len(mesh.faces):
        return mesh
    # By corners: where four triangles meet in an edge, they must stay or go together.
    graph: Any = trimesh.graph  # its functions carry no types
    piece = graph.connected_component_labels(mesh.edges, node_count=len(mesh.vertices))
    of_face = np.asarray(piece)[np.asarray(mesh.faces)[:, 0]]
    sizes = np.bincount(of_face)
    mesh.update_faces(sizes[of_face] >= 0.02 * sizes.max())
    mesh.remove_unreferenced_vertices()
    return mesh


def extract_seen_surface(
    mesh: trimesh.Trimesh, panoramas: Sequence[PosedPanorama], tolerance: float
) -> trimesh.Trimesh:
    """The part of a free-space mesh that was seen as a surface, in the panoramas' colours.

    A vertex is seen when it lies within `tolerance` of what a panorama measures in its direction;
    its colour comes from the nearest such panorama. The borders of shadows and of the reach are
    left out.
    """
    vertices = np.asarray(mesh.vertices, dtype=np.float64)
    nearest = np.full(len(vertices), np.inf)
    colours = np.zeros((len(vertices), 3), dtype=np.uint8)
    for panorama in panoramas:
        seen, away = panorama.seen_distance(vertices)
        better = (seen > 0) & (np.abs(seen - away) <= tolerance) & (away < nearest)
        nearest[better] = away[better]
        colours[better] = panorama.seen_colour(vertices[better])
    faces = np.asarray(mesh.faces)
    kept = faces[np.isfinite(nearest)[faces].all(axis=1)]
    surface = trimesh.Trimesh(vertices, kept, vertex_colors=colours, process=False)
    surface.remove_unreferenced_vertices()
    return surface
