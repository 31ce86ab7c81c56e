"""Figure 8 of DA²: panoramas of different rooms become one cloud, moved and nothing else.

`python -m experiments.benchmark.pano3r [DIR --poses FILE | --seed N] --model MODEL
[--height METRES] --out FIGURE.png` predicts every panorama by one network, puts the maps at their
positions, all by one scale (none of a room's own, no rotation), and draws panoramas, distances and
the cloud from above and aslant. DIR holds panoramas that look the same way, FILE their positions as
`panodepth reconstruct` reads them; without DIR, rooms of a procedural house stand in, and the cloud
is scored against their exact surface. Beside the figure: `FIGURE.ply` and `FIGURE.json`.

Source: DA² (arXiv 2509.26618), appendix A.1. The paper moves rooms by hand in the network's unit;
here positions are given, and the unit is found by what doors show (`--solve common`) or, where the
maps are not good enough for that, from how high the cameras stand (`--height`).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmark.pano3r.figure import draw
from experiments.benchmark.pano3r.rooms import (
    height_over_floor,
    only_near,
    predict,
    read_rooms,
    rooms_of_a_house,
    with_true_distance,
)
from experiments.benchmark.reconstruction import THRESHOLD, exact_surface, score_geometry
from pano_data import Picture, write_bytes, write_json
from pano_worlds import View
from panodepth import CommandError
from panodepth.reconstruct.alignment import align
from panodepth.reconstruct.files import write_cloud
from panodepth.reconstruct.fusion import fuse_points
from panodepth.reconstruct.posed_panorama import PosedPanorama, replace_poses
from panodepth.reconstruct.registration import FreeParameters

VOXELS = 160  # of the cloud, along the median distance


def align_rooms(
    panoramas: Sequence[PosedPanorama], height: float | None = None
) -> tuple[list[PosedPanorama], dict[str, Any]]:
    """Bring rooms into one frame by their positions and one scale; none for metric distances.

    Args:
        panoramas: At their positions.
        height: Metres of every camera over its floor; without it the scale comes from what the
            rooms see of each other.

    Raises:
        CommandError: Their positions tell no common scale, or they contradict each other.
    """
    if height is not None:
        factor = height / float(np.exp(np.mean([np.log(height_over_floor(p)) for p in panoramas])))
        poses = [replace(p.pose, scale=p.pose.scale * factor) for p in panoramas]
        return align(replace_poses(panoramas, poses), FreeParameters(False, False))
    metric = all(p.metric for p in panoramas)
    try:
        return align(panoramas, FreeParameters(False, False, common=not metric))
    except CommandError as error:
        raise CommandError(f"{error}; or say how high the cameras stand: --height") from error


def make_figure(
    panoramas: Sequence[PosedPanorama],
    out: Path,
    views: Sequence[View] = (),
    height: float | None = None,
) -> dict[str, Any]:
    """Put rooms together and write figure, cloud and report.

    Args:
        panoramas: Of different rooms, at given positions.
        out: The figure.
        views: The same rooms as they truly are, to score the cloud by: what is truly within reach.
        height: See `align_rooms`.

    Raises:
        CommandError: See `align_rooms`.
    """
    aligned, report = align_rooms(panoramas, height)
    near = [np.median(p.distance[p.distance > 0]) * p.pose.scale for p in aligned]
    spacing = float(np.median(near)) / VOXELS
    points, colours = fuse_points(aligned, spacing)
    report |= {"scale": aligned[0].pose.scale, "unit": "m", "points": len(points)}
    if height is not None:  # as the maps have it at the one scale: they agree as far as these do
        report["heights"] = {p.name: height_over_floor(p) * p.pose.scale for p in aligned}
    if views:
        scored = [only_near(p, view) for p, view in zip(aligned, views, strict=True)]
        found, _ = fuse_points(scored, spacing)
        scores = score_geometry(found, exact_surface(views).points, THRESHOLD)
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
    parser.add_argument(
        "--height", type=float, metavar="METRES",
        help="of every camera over its floor: the scale, where doors tell none",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="FIGURE.png")
    given = parser.parse_args(argv)
    if given.folder and not (given.poses and given.model):
        parser.error("DIR goes with --poses and --model")
    if given.height is not None and not given.height > 0:
        parser.error(f"--height is {given.height}, expected more than 0 metres")
    try:
        if given.folder:
            report = make_figure(
                predict(read_rooms(given.folder, given.poses), given.model),
                given.out,
                height=given.height,
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
            report = make_figure(panoramas, given.out, views, given.height)
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
