"""Stage: draw the same panoramas for every model, from near to far, as tiles for the report.

`python -m experiments.benchmark.gallery gallery` writes `reports/gallery/`, settings from the
section `gallery`.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import pano_losses
from experiments.benchmark.curves import aligned_distance
from experiments.benchmark.full_pictures import PICTURE, FullPictures
from experiments.benchmark.models.resolve import DatasetLocation, load_predictor
from experiments.pipeline.processes import set_threads
from experiments.pipeline.run_folder import replace_whole_folder
from experiments.pipeline.stage import run_stage
from experiments.tracking.panels import RgbBytes, colourise
from pano_data import ManifestDataset, track
from pano_models import CheckpointError, ModelNotFoundError, Predictor

CANDIDATES = 200  # samples of a data set among which near and far ones are looked for
TILE_WIDTH = 384
PROTOCOLS = {  # what a tile's number is made by, by the kind of map
    "distance_metric": "da2_paper",
    "distance_scale_invariant": "da2_paper",
    "disparity_affine": "depth_anywhere_released",
}
INDEX = "index.json"


def near_to_far(data: ManifestDataset, count: int, candidates: int = CANDIDATES) -> list[int]:
    """Choose `count` samples, evenly spread over the order of their median true distance.

    Returns their places in `data`.

    Args:
        data: Samples; those without truth are left out.
        count: How many.
        candidates: At most this many samples, evenly spaced, are read.
    """
    places = sorted(set(np.linspace(0, len(data) - 1, min(candidates, len(data))).astype(int)))
    medians = {}
    for place in places:
        sample = data[int(place)]
        if bool(sample["valid"].any()):
            medians[int(place)] = float(sample["distance"][sample["valid"]].median())
    ordered = sorted(medians, key=lambda place: medians[place])
    chosen = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round().astype(int)
    return [ordered[i] for i in chosen]


def draw(
    predictors: Mapping[str, Predictor], sample: Mapping[str, Any], folder: Path, name: str
) -> dict[str, Any]:
    """Write the tiles of one panorama: picture, truth, and one per model.

    Black is what has no distance: no truth, or sky to a model that tells it.

    Args:
        predictors: By name of the model.
        sample: Of `FullPictures`, with truth.
        folder: Where the tiles go.
        name: Start of their file names.

    Returns:
        The entry of the index: key, colour range in metres, files, and AbsRel with its protocol by
        model.
    """
    rgb, target, valid = sample["image"][None], sample["distance"][None], sample["valid"][None]
    far = sample["far"][None]
    low, high = (float(q) for q in np.quantile(target[valid].numpy(), [0.02, 0.98]))
    tiles = {
        "picture": _save((rgb[0].permute(1, 2, 0).numpy() * 255).round(), folder, f"{name}_rgb"),
        "truth": _save(_coloured(target, valid, low, high), folder, f"{name}_truth"),
    }
    scores = {}
    for model, predictor in predictors.items():
        found = predictor(sample[PICTURE][None], target.shape[-2:])
        prediction = {k: v.cpu() for k, v in found.maps.items()}
        protocol = next(PROTOCOLS[k] for k in PROTOCOLS if k in prediction)
        aligned = aligned_distance(prediction, target, valid)
        tile = _coloured(aligned, ~found.far.cpu(), low, high)
        tiles[model] = _save(tile, folder, f"{name}_{model.replace('/', '_')}")
        score = pano_losses.evaluate(
            prediction, target, valid, protocol, far=far, dataset=sample["dataset"]
        )
        scores[model] = {"protocol": protocol, "absrel": round(float(score["absrel"]), 4)}
    near, far = round(low, 2), round(high, 2)
    median = round(float(target[valid].median()), 2)
    about = {"key": sample["key"], "near_m": near, "far_m": far, "median_m": median}
    return {**about, "tiles": tiles, "scores": scores}


def _coloured(distance: Tensor, where: Tensor, low: float, high: float) -> RgbBytes:
    logs = torch.where(where, distance, torch.nan).clamp(min=1e-6).log()[0, 0].numpy()
    return colourise(logs, float(np.log(low)), float(np.log(high)))


def _save(tile: Any, folder: Path, name: str) -> str:
    image = Image.fromarray(np.asarray(tile, dtype=np.uint8))
    image.thumbnail((TILE_WIDTH, TILE_WIDTH))
    image.save(folder / f"{name}.jpg", quality=90)
    return f"{name}.jpg"


def gallery(
    models: list[str],
    datasets: dict[str, DatasetLocation],
    size: tuple[int, int],
    count: int = 4,
    threads: int = 1,
    out: str = "reports/gallery",
) -> dict[str, Any]:
    """Draw `count` panoramas of each data set, from near to far, under every model.

    Args:
        models: Names under `runs/`, or MODELs of `pano_models.load`; columns of the grid, in order.
        datasets: Name -> manifest and root.
        size: Height and width of the truth, and of the maps.
        count: Panoramas per data set.
        threads: CPU threads.
        out: Folder of tiles and index; replaced as a whole.
    """
    set_threads(threads)
    predictors = {name: load_predictor(name, "cpu") for name in models}
    index: dict[str, Any] = {}
    with replace_whole_folder(Path(out)) as part:
        for dataset, source in track(datasets.items(), "gallery"):
            data = ManifestDataset(source.manifest, source.root, size)
            places, pictures = near_to_far(data, count), FullPictures(data)
            index[dataset] = [
                draw(predictors, pictures[p], part, f"{dataset}_{i}") for i, p in enumerate(places)
            ]
        (part / INDEX).write_text(json.dumps(index, indent=1) + "\n")
    return index


if __name__ == "__main__":
    run_stage(gallery, sys.argv[1], sys.argv[2:], CheckpointError, ModelNotFoundError)
