"""`panodepth reconstruct`.

Several panoramas of one place become one cloud, one mesh, one collision mesh.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from pano_data.io.atomic import write_json
from panodepth.errors import CommandError
from panodepth.outputs.records import read_record, record_name
from panodepth.reconstruct.files import (
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
from panodepth.reconstruct.manifest_poses import read_manifest_poses
from panodepth.reconstruct.pose_search import (
    measure_agreement,
    measure_see_through,
    search_common_scale,
    search_poses,
)
from panodepth.reconstruct.posed_panorama import (
    PosedPanorama,
    load_posed_panoramas,
    read_poses,
    replace_poses,
)
from panodepth.reconstruct.registration import (
    FreeParameters,
    ScaledPose,
    measure_overlaps,
    register_scales,
)
from panodepth.reconstruct.state_layers import write_layers
from panodepth.reconstruct.textured_surface import texture_surface
from panodepth.view.entry import find_records

PRODUCTS = ("cloud", "mesh", "collision")
SOLVES = {
    "none": FreeParameters(False, False),
    "scale": FreeParameters(True, False),
    "pose": FreeParameters(False, True),
    "all": FreeParameters(True, True),
    "common": FreeParameters(False, False, common=True),
}
COLLISION_VOXELS = 2  # its voxels are this much larger: a simulator wants few triangles
REGISTRATION_POINTS = 4000
ENOUGH_OVERLAP = 0.5
MOST_SEEN_THROUGH = 0.2
LEAST_AGREEMENT = 0.03  # of different rooms: .27 with a door, .04 with errors of 10 %, .01 without
MOST_BETWEEN_ROOMS = 0.1  # of different rooms: .01 with a door, .09 with errors of 10 %


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth reconstruct`."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="output folder of panodepth predict"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the results go"
    )
    given = parser.add_mutually_exclusive_group()
    given.add_argument(
        "--poses",
        type=Path,
        metavar="FILE",
        help='JSON: {"name": {"position": [x, y, z], "rotation": 3x3}}',
    )
    given.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="manifest of the data set that the panoramas are of: its poses",
    )
    parser.add_argument("--scene", help="with --manifest: only the panoramas of this scene")
    parser.add_argument(
        "--solve",
        choices=("auto", *SOLVES),
        default="auto",
        help="what to estimate: a scale for each panorama, poses, both; common: one scale for all, "
        "for different rooms at known poses (default: what --poses and unit leave open)",
    )
    parser.add_argument("--save", nargs="+", choices=PRODUCTS, help="default: all")
    parser.add_argument(
        "--voxel",
        type=float,
        help="side of a voxel (default: 1/60 of the median distance, or what memory takes)",
    )
    parser.add_argument(
        "--reach", type=float, help="free space is cut off here (default: 98 %% of all distances)"
    )
    parser.add_argument(
        "--width", type=int, default=1024, help="maps are thinned to this width (default: 1024)"
    )
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="+",
        metavar="DIR2",
        help="later states of the same panoramas: layers, not a mesh; several get a folder each",
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth reconstruct`.

    Returns:
        0.

    Raises:
        CommandError: Nothing to reconstruct, poses missing, or panoramas that do not overlap.
    """
    _check_usage(args)
    console = Console(stderr=True)
    poses = _read_poses(args)
    panoramas = _load(args.folder, poses, args)
    try:
        if args.compare:
            for line in write_layers(panoramas, _later_states(poses, args), args.out):
                console.print(line, markup=False)
            return 0
        if len(panoramas) < 2 and poses is None:
            console.print("one panorama: nothing to align")
        free = _solve(args.solve, panoramas, poses is not None)
        panoramas, report = align(panoramas, free)
        unit = choose_unit(
            panoramas, poses is not None and (free.common or (free.scale and not free.pose))
        )
        report |= write_products(
            panoramas, args.out, args.save or PRODUCTS, args.voxel, args.reach, unit
        )
    except (ValueError, OSError) as error:
        raise CommandError(f"{args.folder}: {error}") from error
    write_json(args.out / "reconstruction.json", report, indent=2, sort_keys=False)
    for name, share in report["overlap"].items():
        console.print(
            f"{name}: {share:.0%} of its surface is seen by another panorama", markup=False
        )
    console.print(
        f"{report['points']} points, {report['triangles']} triangles, "
        f"{report['collision_triangles']} of collision -> {args.out}",
        markup=False,
    )
    return 0


def _check_usage(args: argparse.Namespace) -> None:
    for name in ("voxel", "reach"):
        value = getattr(args, name)
        if value is not None and not value > 0:
            raise CommandError(f"--{name} is {value}, expected more than 0")
    if args.scene is not None and args.manifest is None:
        raise CommandError("--scene chooses rows of a manifest: give --manifest too")
    given = [name for name in ("save", "voxel", "reach") if getattr(args, name) is not None]
    given += ["solve"] if args.solve != "auto" else []
    if args.compare and given:
        raise CommandError(
            f"--compare writes layers and aligns nothing: leave out --{', --'.join(given)}"
        )
    if args.solve == "common" and not (args.poses or args.manifest):
        raise CommandError("--solve common scales panoramas at known poses: give --poses too")
    if args.width < 32:
        raise CommandError(f"--width is {args.width}, expected at least 32")


def _records(folder: Path) -> list[Path]:
    records = find_records(folder) if folder.is_dir() else []
    if not records:
        raise CommandError(f"{folder} holds no predictions: run panodepth predict first")
    return records


def _read_poses(args: argparse.Namespace) -> dict[str, ScaledPose] | None:
    if args.manifest is None:
        return read_poses(args.poses) if args.poses else None
    records = _records(args.folder)
    sources = {record_name(r, args.folder): Path(read_record(r)["source"]) for r in records}
    return read_manifest_poses(args.manifest, sources, args.scene)


def _load(
    folder: Path, poses: dict[str, ScaledPose] | None, args: argparse.Namespace
) -> list[PosedPanorama]:
    records = _records(folder)
    if poses is not None and args.scene is not None:
        records = [record for record in records if record_name(record, folder) in poses]
    return load_posed_panoramas(records, folder, poses, args.width)


def _later_states(
    poses: dict[str, ScaledPose] | None, args: argparse.Namespace
) -> dict[str, list[PosedPanorama]]:
    names = [folder.absolute().name for folder in args.compare]
    if len(set(names)) < len(names):
        raise CommandError(
            f"--compare: folders {', '.join(names)} share a name: rename one of them"
        )
    return {n: _load(f, poses, args) for n, f in zip(names, args.compare, strict=True)}


def _solve(word: str, panoramas: Sequence[PosedPanorama], known: bool) -> FreeParameters:
    if word != "auto":
        return SOLVES[word]
    return FreeParameters(scale=not all(p.metric for p in panoramas), pose=not known)


def align(
    panoramas: Sequence[PosedPanorama], free: FreeParameters
) -> tuple[list[PosedPanorama], dict[str, Any]]:
    """Bring panoramas into one frame by their surfaces.

    Args:
        panoramas: With poses to start from. Unknown ones start where the first one is: the
            panoramas must be level, point the same way within about 10°, and overlap.
        free: What to estimate.

    Returns:
        The posed panoramas, and what was found: poses and overlap by name.

    Raises:
        CommandError: After the estimate, a panorama does not lie on the others.
    """
    clouds = [p.cloud(REGISTRATION_POINTS) for p in panoramas]
    poses = [p.pose for p in panoramas]
    if len(panoramas) > 1 and free.common:
        _check_places(panoramas)
        poses = search_common_scale(panoramas)
    elif len(panoramas) > 1 and free.pose:
        poses = search_poses(panoramas, free)
    elif len(panoramas) > 1 and free.scale:
        poses = register_scales(clouds, poses)
    aligned = replace_poses(panoramas, poses)
    shares = measure_overlaps(clouds, poses) if len(panoramas) > 1 else [1.0]
    named = {p.name: round(s, 4) for p, s in zip(panoramas, shares, strict=True)}
    if len(panoramas) > 1 and free.common:
        _refuse_unconnected(aligned, named)
    elif len(panoramas) > 1 and (free.scale or free.pose):
        _refuse_lost(aligned, named)
    found = {
        p.name: {"scale": q.scale, "position": q.position.tolist(), "rotation": q.rotation.tolist()}
        for p, q in zip(panoramas, poses, strict=True)
    }
    return aligned, {"poses": found, "overlap": named}


def choose_unit(panoramas: Sequence[PosedPanorama], scaled: bool) -> str:
    """Unit of the world.

    Metres where distances were scaled to given positions or the first panorama measures them, else
    its own: positions that go with unscaled distances are in their unit.
    """
    return "m" if scaled or panoramas[0].metric else "relative"


def _check_places(panoramas: Sequence[PosedPanorama]) -> None:
    places = {tuple(np.round(p.pose.position, 6)) for p in panoramas}
    if len(places) < len(panoramas):
        raise CommandError("--solve common: two panoramas have one position, expected each its own")


def _refuse_unconnected(panoramas: Sequence[PosedPanorama], overlap: dict[str, float]) -> None:
    """Refuse different rooms that tell nothing of a common scale, or contradict each other."""
    if max(measure_agreement(panoramas)) < LEAST_AGREEMENT:
        raise CommandError(
            "no two panoramas agree on a surface that both see, so their positions tell no scale; "
            "check them, or give positions in the unit of the distances and --solve none"
        )
    lost = [
        name
        for name, hole in zip(overlap, measure_see_through(panoramas, worst=True), strict=True)
        if hole > MOST_BETWEEN_ROOMS
    ]
    if lost:
        raise CommandError(
            f"{', '.join(lost)}: more than {MOST_BETWEEN_ROOMS:.0%} of a surface lies where "
            "another panorama sees through; expected positions and rotations of one house and "
            "distances in one unit"
        )


def _refuse_lost(panoramas: Sequence[PosedPanorama], overlap: dict[str, float]) -> None:
    lost = [
        name
        for (name, share), hole in zip(overlap.items(), measure_see_through(panoramas), strict=True)
        if share < ENOUGH_OVERLAP or hole > MOST_SEEN_THROUGH
    ]
    if lost:
        raise CommandError(
            f"{', '.join(lost)} could not be aligned: less than {ENOUGH_OVERLAP:.0%} of the "
            f"surface lies on another panorama, or more than {MOST_SEEN_THROUGH:.0%} is seen "
            "through; give --poses, or leave it out; of different rooms at known poses: --solve "
            "common"
        )


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
