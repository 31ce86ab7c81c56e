"""Where pixels look against where they should: the errors of `benchmarks.geometry`."""

import math

import torch
from torch.nn.functional import normalize

import pano_geometry as pg
from benchmarks.geometry_peers import Peer, Task

CASES = {
    "identity": ("rotate", (0.0, 0.0, 0.0), None),
    "rotation": ("rotate", (0.7, 0.4, 0.3), None),
    "view at the seam": ("e2p", (math.pi, 0.1, 0.0), 4.0),
    "view at the zenith": ("e2p", (0.3, math.pi / 2 - 1e-3, 0.0), 4.0),
    "view, 90°": ("e2p", (0.7, 0.4, 0.3), 90.0),
    "cube faces": ("e2c", (0.0, 0.0, 0.0), None),
    "cube to panorama": ("c2e", (0.0, 0.0, 0.0), None),
}


def errors(peer: Peer, height: int, width: int) -> list[str]:
    """Return mean / worst angle between where pixels look and should look, in pixels."""
    cells = []
    for kind, angles, fov in CASES.values():
        if kind not in peer.kinds or torch.float32 not in peer.dtypes:
            cells.append("")
            continue
        task = Task(kind, height, width, height // 2, True, fov=math.radians(fov or 90.0))
        rotation = pg.from_ypr(*angles, dtype=torch.float64)[None]
        source, target = task.cameras()
        image = source.rays().permute(2, 0, 1)[None].contiguous()
        got = normalize(
            peer.images(task, peer.make(task, image, rotation.float())(rotation.float())), dim=1
        )
        truth = target.rays(dtype=torch.float64) @ rotation[0].mT
        off = pg.great_circle_angle(got.permute(0, 2, 3, 1).double(), truth) * width / math.tau
        cells.append(f"{float(off.mean()):.3f} / {float(off.max()):.3f}")
    return cells


def table_of_errors(height: int, width: int, peers: list[Peer]) -> str:
    lines = [
        f"## Where pixels look, {height}x{width}",
        "",
        "Mean / worst error in panorama pixels of a direction-coded image.",
        "",
        "| | " + " | ".join(CASES) + " |",
        "| --- |" + " ---: |" * len(CASES),
    ]
    lines += [
        f"| {peer.name} | " + " | ".join(errors(peer, height, width)) + " |" for peer in peers
    ]
    return "\n".join(lines)


def round_trips() -> str:
    """Return the error of panorama -> faces or patches -> panorama of directions, degrees."""
    lines = ["## Round trips", "", "512x1024 directions there and back, error in degrees.", "",
             "| | mean | worst |", "| --- | ---: | ---: |"]  # fmt: skip
    rays = pg.Equirectangular(512, 1024).rays().permute(2, 0, 1)[None]
    rotation = pg.from_ypr(0.7, 0.4, 0.3)
    patches, camera, turns = pg.erp_to_tangents(rays, 320, 20)
    merged = [
        pg.blend_views(patches[:, :, k : k + 1], camera, turns, 512, 1024)[0] for k in range(3)
    ]
    trips = {
        "cube, faces of 256": pg.cube_to_erp(pg.erp_to_cube(rays, 256), 512, 1024),
        "rotation and back": pg.rotate(pg.rotate(rays, rotation), rotation.mT),
        "20 tangent patches of 320, blended": torch.cat(merged, 1),
    }
    for name, back in trips.items():
        angle = torch.rad2deg(
            pg.great_circle_angle(
                back.permute(0, 2, 3, 1).double(), rays.permute(0, 2, 3, 1).double()
            )
        )
        lines.append(f"| {name} | {float(angle.mean()):.5f} | {float(angle.max()):.5f} |")
    return "\n".join(lines)
