"""Put a finished training into the box: `python -m experiments.box.pack [NAME]`.

`runs/NAME` goes, in half precision, to the data of `pano_models`, under the same name; the
catalogue beside it notes digests, commit and run. Refused where its maps differ from the
training's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import rich
import torch

import pano_models
from experiments.pipeline.revision import git_revision
from experiments.pipeline.run_folder import FINISHED
from pano_data import remove_all_parts
from pano_models import DepthModel, geometry_key
from pano_models.weights.box import BOX, box_folder, half_precision, put_into_box

LICENCE = "Apache-2.0"
LARGEST_CHANGE = 0.02
"""Of any distance, as a share of it, that halving the weights may bring."""


def pack(name: str, commit: str | None = None, runs: Path = FINISHED, box: Path = BOX) -> Path:
    """Write `runs/name` into the box.

    Args:
        name: Of the training, and in the box.
        commit: That the training ran at; None: that of the checkout.
        runs: Folder of the finished trainings.
        box: Folder of the box.

    Raises:
        ModelNotFoundError: There is no such training.
        ValueError: Half precision changes the maps by more than `LARGEST_CHANGE`.
    """
    folder = runs / name
    network = pano_models.load(folder)
    key = (folder / "run_key").read_text().strip() if (folder / "run_key").is_file() else ""
    change = largest_change(network, half_precision_copy(network))
    if not change <= LARGEST_CHANGE:  # NaN neither
        raise ValueError(
            f"half precision changes a distance of {name} by {change:.1%}, expected at most "
            f"{LARGEST_CHANGE:.0%}; keep it in float32"
        )
    origin = {"run": key, "commit": commit or git_revision(), "licence": LICENCE}
    for suffix in (".json", ".safetensors"):
        remove_all_parts(box, suffix)  # of a killed process
    put_into_box(network, name, origin, box)
    return box_folder(name, box)


def half_precision_copy(network: DepthModel) -> DepthModel:
    """Return a network with the weights that the box would keep of another."""
    assert network.spec is not None
    copy = pano_models.create(network.spec.name, **network.spec.config)
    pano_models.fill(copy, half_precision(network))
    return copy.eval()


@torch.no_grad()
def largest_change(one: DepthModel, other: DepthModel) -> float:
    """Return by how much a distance of noise differs at most between two networks, as a share."""
    rgb = torch.rand(1, 3, *one.probe_size, generator=torch.Generator().manual_seed(0))
    maps = one(rgb)
    key = geometry_key(maps)
    return float((other(rgb)[key] / maps[key] - 1).abs().max())


def main(argv: Sequence[str] | None = None) -> int:
    """Pack one training; exit codes: 0 done, 2 refused."""
    parser = argparse.ArgumentParser("python -m experiments.box.pack", description=__doc__)
    parser.add_argument("name", nargs="?", default="pano_small", help="a training under runs/")
    parser.add_argument("--commit", help="that the training ran at (default: the checkout's)")
    given = parser.parse_args(argv)
    try:
        folder = pack(given.name, given.commit)
    except ValueError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    megabytes = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    rich.print(f"{folder} holds runs/{given.name}, {megabytes:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
