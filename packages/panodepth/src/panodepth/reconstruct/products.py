"""Cloud, mesh and collision mesh of panoramas in one frame."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panodepth.reconstruct.files import (
    texture_surface,
    write_cloud,
    write_solid,
    write_textured,
)
from panodepth.reconstruct.fusion import (
    extract_seen_surface,
    find_finest_voxel,
    fuse_points,
    mesh_free_space,
)
from panodepth.reconstruct.posed_panorama import PosedPanorama

PRODUCTS = ("cloud", "mesh", "collision")
COLLISION_VOXELS = 2  # its voxels are this much larger: a simulator wants few triangles


def write_products(
    panoramas: Sequence[PosedPanorama],
    out: Path,
    products: Sequence[str],
    voxel: float | None = None,
    reach: float | None = None,
    unit: str = "m",
) -> dict[str, Any]:
    """Write cloud, mesh and collision mesh of aligned panoramas.

    Args:
        panoramas: In one frame.
        out: Output folder.
        products: Of `PRODUCTS`.
        voxel: Side of a voxel; 1/60 of the median distance, or what memory takes, if None.
        reach: Where free space is cut off; the 98 % quantile of the distances if None.
        unit: Of the world, for the header of the cloud.

    Returns:
        Sizes and counts for the report.

    Raises:
        ValueError: The voxels are too small for the memory they would take, or nothing is near.
        OSError: A file cannot be written.
    """
    reached = np.concatenate([p.distance[p.distance > 0] * p.pose.scale for p in panoramas])
    if not reached.size:
        raise ValueError("nothing is near in any of these panoramas")
    reach = reach or float(np.quantile(reached, 0.98))
    voxel = voxel or max(float(np.median(reached)) / 60, find_finest_voxel(panoramas, reach))
    points, colours = fuse_points(panoramas, voxel / 2)
    if "cloud" in products:
        write_cloud(out / "cloud.ply", points, colours, unit)
    sizes = {"points": len(points), "triangles": 0, "collision_triangles": 0}
    if "mesh" in products:
        closed = mesh_free_space(panoramas, voxel, reach)
        surface = extract_seen_surface(closed, panoramas, 1.5 * voxel)
        sizes["triangles"] = len(surface.faces)
        write_textured(out / "mesh.glb", texture_surface(surface, panoramas, 1.5 * voxel))
    if "collision" in products:
        solid = mesh_free_space(panoramas, COLLISION_VOXELS * voxel, reach)
        sizes["collision_triangles"] = len(solid.faces)
        write_solid(out / "collision.glb", solid)
    return {"unit": unit, "voxel": voxel, "reach": reach, **sizes}
