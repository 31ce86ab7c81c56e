"""`panodepth reconstruct`.

Several panoramas of one place become one cloud, one mesh, one collision mesh.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pano_data.io.atomic import write_json
from panodepth.errors import CommandError, printable
from panodepth.outputs.records import find_records, read_record, record_name
from panodepth.reconstruct.alignment import align, choose_unit
from panodepth.reconstruct.posed_panorama import (
    PosedPanorama,
    load_posed_panoramas,
    read_manifest_poses,
    read_poses,
)
from panodepth.reconstruct.products import PRODUCTS, write_products
from panodepth.reconstruct.registration import FreeParameters, ScaledPose
from panodepth.reconstruct.room_layers import write_layers

SOLVES = {
    "none": FreeParameters(False, False),
    "scale": FreeParameters(True, False),
    "pose": FreeParameters(False, True),
    "all": FreeParameters(True, True),
    "common": FreeParameters(False, False, common=True),
}


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
    parser.add_argument(
        "--despite-misfit",
        action="store_true",
        help="write panoramas that do not lie on the others, too, as they lie (default: refuse)",
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
                console.print(printable(line), markup=False, soft_wrap=True)
            return 0
        if len(panoramas) < 2 and poses is None:
            console.print("one panorama: nothing to align")
        free = _solve(args.solve, panoramas, poses is not None)
        panoramas, report = align(panoramas, free, args.despite_misfit)
        unit = choose_unit(
            panoramas, poses is not None and (free.common or (free.scale and not free.pose))
        )
        report |= write_products(
            panoramas, args.out, args.save or PRODUCTS, args.voxel, args.reach, unit
        )
    except ValueError as error:
        raise CommandError(f"{args.folder}: {error}") from error
    except OSError as error:
        place = error.filename or f"--out {args.out}"
        reason = error.strerror or error
        raise CommandError(f"{place} cannot be read or written ({reason})") from error
    if "misfit" in report:
        console.print(printable(f"misfit: {report['misfit']}"), markup=False, soft_wrap=True)
    write_json(args.out / "reconstruction.json", report, indent=2, sort_keys=False)
    for name, share in report["overlap"].items():
        line = f"{printable(name)}: {share:.0%} of its surface is seen by another panorama"
        console.print(line, markup=False, soft_wrap=True)
    console.print(
        f"{report['points']} points, {report['triangles']} triangles, "
        f"{report['collision_triangles']} of collision -> {printable(str(args.out))}",
        markup=False,
        soft_wrap=True,
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
    given += ["despite-misfit"] if args.despite_misfit else []
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
