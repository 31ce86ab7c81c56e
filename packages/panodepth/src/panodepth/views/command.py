"""`panodepth views`.

Predictions become views with depth, masks and cameras: a data set for COLMAP, nerfstudio, 3DGS.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from plyfile import PlyData, PlyElement
from rich.console import Console

from pano_data import track
from pano_data.io.atomic import replace_file, write_json
from panodepth.errors import BadPanoramaError, CommandError, printable
from panodepth.outputs.maps import estimate_normals
from panodepth.outputs.point_cloud import sample_sphere
from panodepth.outputs.records import find_records, load_prediction, read_record, record_name
from panodepth.outputs.surface import (
    estimate_edge_blur,
    find_flying_pixels,
    to_distance,
    unproject_pixels,
)
from panodepth.panorama_files import read_panorama
from panodepth.prediction import PredictedMap
from panodepth.reconstruct.posed_panorama import read_poses
from panodepth.reconstruct.registration import ScaledPose, identity_pose
from panodepth.views.cameras import PlacedView, write_colmap, write_transforms
from panodepth.views.rig import DEFAULT_FOV_DEG, RIGS, CutView, RigView, cut_view, make_rig

UNITS_PER_STEP = 0.001
"""Of a depth PNG: millimetres, nerfstudio's default."""
POINTS = 200_000
QUALITY = 95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth views`."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="output folder of panodepth predict"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--rig", choices=RIGS, default="cube", help="default: cube")
    parser.add_argument("--size", type=int, help="pixels along a side (default: as the panorama)")
    fov = ", ".join(f"{kind} {angle:g}" for kind, angle in DEFAULT_FOV_DEG.items())
    parser.add_argument("--fov", type=float, metavar="DEG", help=f"angle of view (default: {fov})")
    parser.add_argument(
        "--poses",
        type=Path,
        metavar="FILE",
        help="as of panodepth reconstruct, or the reconstruction.json that it wrote",
    )
    parser.add_argument(
        "--depth", nargs="*", choices=("png16", "npy"), default=["png16"], help="default: png16"
    )
    parser.add_argument(
        "--points", type=int, default=POINTS, help=f"in the point cloud (default: {POINTS})"
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth views`.

    Returns:
        0.

    Raises:
        CommandError: No predictions, poses missing, or a file that cannot be read or written.
    """
    records = find_records(args.folder) if args.folder.is_dir() else []
    if not records:
        raise CommandError(f"{args.folder} holds no predictions: run panodepth predict first")
    if args.points < 1:
        raise CommandError(f"--points is {args.points}, expected at least 1")
    poses = read_poses(args.poses) if args.poses else None
    if poses is None and len(records) > 1:
        raise CommandError(
            f"{args.folder} holds {len(records)} panoramas: give their --poses (panodepth "
            "reconstruct finds them), or predict one of them alone"
        )
    names = [record_name(record, args.folder) for record in records]
    missing = [name for name in names if poses is not None and name not in poses]
    if missing:
        raise CommandError(f"--poses has no entry {missing[0]!r}; it has {', '.join(poses or ())}")
    try:
        placed, unit = _write_all(args, dict(zip(names, records, strict=True)), poses)
    except OSError as error:
        reason = error.strerror or error
        raise CommandError(f"--out {args.out} cannot be written ({reason})") from error
    Console(stderr=True).print(
        f"{len(placed)} views of {len(records)} panoramas, unit {unit} -> "
        f"{printable(str(args.out))}",
        markup=False,
        soft_wrap=True,
    )
    return 0


def _write_all(
    args: argparse.Namespace, records: dict[str, Path], poses: dict[str, ScaledPose] | None
) -> tuple[list[PlacedView], str]:
    placed: list[PlacedView] = []
    clouds: list[NDArray[np.void]] = []
    unit = ""
    for name, record in track(list(records.items()), "cutting views", len(records)):
        pose = identity_pose() if poses is None else poses[name]
        rgb, prediction = _load(record)
        unit = _unit_of(args.poses) if args.poses else prediction.unit
        rig = make_rig(args.rig, prediction.values.shape, args.size, args.fov)
        placed += [_write_view(args, name, v, cut_view(rgb, prediction, v), pose) for v in rig]
        clouds.append(_cloud(rgb, prediction, pose, max(1, args.points // len(records))))
    cloud = np.concatenate(clouds)
    points = np.stack([cloud[axis] for axis in "xyz"], axis=1).astype(np.float64)
    colours = np.stack([cloud[c] for c in ("red", "green", "blue")], axis=1)
    model = args.out / "sparse" / "0"
    write_colmap(model, placed, points, colours)
    with replace_file(model / "points3D.ply") as temporary, temporary.open("wb") as file:
        PlyData([PlyElement.describe(cloud, "vertex")], byte_order="<").write(file)
    write_transforms(args.out / "transforms.json", placed, "sparse/0/points3D.ply")
    about = {
        "unit": unit,
        "depth": "distance along the ray" if args.rig == "panorama" else "z along the view's axis",
        "depth_png_units_per_step": UNITS_PER_STEP,
        "axes": "x right, y down, z forward",
    }
    write_json(args.out / "views.json", about, indent=2, sort_keys=False)
    return placed, unit


def _unit_of(poses: Path) -> str:
    """Return the unit of positions: metres, unless `panodepth reconstruct` could not know them."""
    return str(json.loads(poses.read_text()).get("unit", "m"))


def _load(record: Path) -> tuple[NDArray[np.uint8], PredictedMap]:
    source = Path(read_record(record)["source"])
    try:
        picture = read_panorama(source, force_aspect=True)
    except BadPanoramaError as error:
        raise CommandError(f"the panorama of {record} is needed: {source}: {error}") from error
    prediction = load_prediction(record)
    if picture.valid.shape != prediction.values.shape:
        raise CommandError(f"{source} is another picture than that of {record}: predict it again")
    return picture.rgb, prediction


def _write_view(
    args: argparse.Namespace, name: str, view: RigView, cut: CutView, pose: ScaledPose
) -> PlacedView:
    stem = f"{name}_{view.name}" if view.name else name
    image = f"{stem}.jpg"
    depth = cut.depth * np.float32(pose.scale)
    _save_picture(args.out / "images" / image, cut.rgb, quality=QUALITY, subsampling=0)
    # COLMAP's name of a mask: that of the image with .png behind it
    mask = f"masks/{image}.png"
    _save_picture(args.out / mask, cut.keep.astype(np.uint8) * 255)
    stored = None
    if "png16" in args.depth:
        steps = np.rint(depth / UNITS_PER_STEP)
        stored = f"depth/{stem}.png"
        within = np.where(steps <= 65535, steps, 0).astype(np.uint16)
        _save_picture(args.out / stored, within)
    if "npy" in args.depth:
        stored = stored or f"depth/{stem}.npy"
        with replace_file(args.out / f"depth/{stem}.npy") as part, part.open("wb") as file:
            np.save(file, depth)
    return PlacedView(
        image, view.camera, pose.rotation @ view.rotation, pose.position, stored, mask
    )


def _save_picture(path: Path, pixels: NDArray[np.generic], **options: int) -> None:
    kind = "JPEG" if path.suffix == ".jpg" else "PNG"
    with replace_file(path) as temporary, temporary.open("wb") as file:
        Image.fromarray(pixels).save(file, format=kind, **options)


def _cloud(
    rgb: NDArray[np.uint8], prediction: PredictedMap, pose: ScaledPose, count: int
) -> NDArray[np.void]:
    """Return points in the world with normals and colours, in the layout that 3DGS starts from."""
    distance = to_distance(prediction)
    height, width = distance.shape
    rows, columns = sample_sphere(height, width, count)
    keep = (distance > 0) & ~find_flying_pixels(distance, estimate_edge_blur(prediction))
    inside = keep[rows, columns]
    rows, columns = rows[inside], columns[inside]
    points = pose.apply(unproject_pixels(distance, rows, columns).astype(np.float64))
    normals = estimate_normals(prediction)[rows, columns] @ pose.rotation.T
    kinds = [(n, "<f4") for n in ("x", "y", "z", "nx", "ny", "nz")]
    cloud = np.empty(len(points), dtype=[*kinds, *((c, "u1") for c in ("red", "green", "blue"))])
    for i, (a, n, c) in enumerate(
        zip("xyz", ("nx", "ny", "nz"), ("red", "green", "blue"), strict=True)
    ):
        cloud[a], cloud[n], cloud[c] = points[:, i], normals[:, i], rgb[rows, columns, i]
    return cloud
