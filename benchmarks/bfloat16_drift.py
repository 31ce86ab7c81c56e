"""Measure what the bfloat16 encoder costs a trained network.

AbsRel on rendered rooms is compared between float32 and bfloat16:

    python -m benchmarks.bfloat16_drift FOLDER... [--rooms 6] [--height 128]

A folder is one that training wrote (`runs/da2`). Limit: 0.1 % of AbsRel, 0.001.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

import pano_geometry as pg
import pano_losses as pl
import pano_models as pm
from pano_models import DISTANCE_METRIC, geometry_key
from pano_worlds import CAMERA, make_world, render

FIRST_SEED = 90_000  # far from those that training data are rendered from
LIMIT = 1e-3


def rooms(count: int, height: int) -> tuple[Tensor, Tensor, Tensor]:
    """Render RGB (n, 3, h, w), distance in metres (n, 1, h, w) and its mask, one view per room."""
    camera, views = pg.Equirectangular(height, 2 * height), []
    for seed in range(FIRST_SEED, FIRST_SEED + count):
        world = make_world("indoor", seed)
        views.append(render(world, world.viewpoints[0], camera, CAMERA))
    rgb = torch.stack([torch.from_numpy(view.rgb) for view in views]).permute(0, 3, 1, 2) / 255
    distance = torch.stack([torch.from_numpy(view.distance) for view in views])[:, None]
    return rgb, distance, distance > 0


def abs_rel(network: pm.DepthModel, rgb: Tensor, distance: Tensor, valid: Tensor) -> float:
    """Return AbsRel under `metric`, or under `da2_paper` where the scale is free."""
    with torch.inference_mode():
        maps = [network(picture[None]) for picture in rgb]
    key = geometry_key(maps[0])
    protocol = "metric" if key == DISTANCE_METRIC else "da2_paper"
    scores = pl.evaluate(torch.cat([m[key] for m in maps]), distance, valid, protocol=protocol)
    return scores["absrel"]


def twin(network: pm.DepthModel) -> pm.DepthModel:
    """Return a network of the same weights with its encoder in bfloat16."""
    assert network.spec is not None
    config = {**network.spec.config, "precision": "bfloat16"}
    fast = pm.create(network.spec.name, **config).eval()
    fast.load_state_dict(network.state_dict())
    return fast


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--rooms", type=int, default=6)
    parser.add_argument("--height", type=int, default=128)
    arguments = parser.parse_args()
    data = rooms(arguments.rooms, arguments.height)
    print(
        "| folder | AbsRel, float32 | AbsRel, bfloat16 encoder | drift |\n| --- | --- | --- | --- |"
    )
    drifts = []
    for folder in arguments.folders:
        network = pm.load(folder)
        exact, fast = abs_rel(network, *data), abs_rel(twin(network), *data)
        drifts.append(abs(fast - exact))
        print(f"| {folder.name} | {exact:.5f} | {fast:.5f} | {drifts[-1]:.1e} |", flush=True)
    if max(drifts) > LIMIT:
        raise SystemExit(f"AbsRel moved by {max(drifts):.1e}, more than {LIMIT}")


if __name__ == "__main__":
    main()
