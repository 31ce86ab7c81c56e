"""`panodepth plausibility`.

What can be said of a network on panoramas without truth, and of a teacher on a few real pairs.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import pano_models
from experiments.benchmark.models.resolve import DatasetLocation, ScoredNetwork, resolve
from experiments.benchmark.real_pictures.measures import DEFINITIONS, HEIGHT, measure_panorama
from experiments.benchmark.real_pictures.pairs import predict_disparity, read_pairs, score_pair
from pano_data import DataError, track, write_json
from pano_data.io.pictures.picture import read_keep_mask
from pano_geometry import resize
from pano_models import DepthMaps, Predictor
from panodepth import BadPanoramaError, CommandError
from panodepth.input_names import PanoramaFile
from panodepth.panorama_files import (
    MASK_NAMES,
    MaskFinder,
    find_panoramas,
    read_panorama,
)

MeasuresByPicture = dict[str, dict[str, float]]
"""Panorama -> measure -> value."""


class ModelMeasures(NamedTuple):
    """What one model got, and the files that could not be measured with their reasons."""

    rows: MeasuresByPicture
    failed: dict[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        f"{name:15} {d.meaning} [{d.unit}]" for name, d in DEFINITIONS.items()
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="panoramas or folders of them"
    )
    parser.add_argument(
        "--model",
        nargs="+",
        action="extend",
        required=True,
        help="one or several: training folder, official:NAME=FILE, hub id, fusion:SOURCE[,...], "
        "baseline_constant or baseline_latitude; with --pairs: perspective networks",
    )
    parser.add_argument(
        "--masks", type=Path, metavar="DIR", help=f"masks of the sky, black = sky: {MASK_NAMES}"
    )
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="DIR",
        help="perspective pictures with depth instead of panoramas: NAME_sample.json with "
        "depth_scale, NAME_rgb.*, NAME_depth.png",
    )
    parser.add_argument(
        "--latitude-from",
        nargs=2,
        metavar=("MANIFEST", "ROOT"),
        help="training set of baseline_latitude",
    )
    parser.add_argument("--recursive", action="store_true", help="descend into subfolders")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write every value as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Measure, and print a table of medians over the pictures, one column per model.

    Returns:
        0, or 2 when at least one picture could not be measured.

    Raises:
        CommandError: Bad usage, no such model, or nothing to measure.
    """
    if bool(args.paths) == bool(args.pairs):
        raise CommandError("expected panoramas (PATH...) or --pairs DIR, one of them")
    try:
        if args.pairs:
            found = {m: ModelMeasures(_score_pairs(m, args.pairs), {}) for m in args.model}
        else:
            files = find_panoramas(args.paths, args.recursive)
            masks = None if args.masks is None else MaskFinder(args.masks)
            latitude = DatasetLocation(*args.latitude_from) if args.latitude_from else None
            found = {m: _measure(_predictor(m, latitude), files, masks) for m in args.model}
    except (ValueError, OSError, ImportError) as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(format_table({m: measured.rows for m, measured in found.items()}))
    for model, measured in found.items():
        for name, reason in measured.failed.items():
            sys.stderr.write(f"{model}: {name} was not measured: {reason}\n")
    if args.out:
        write_json(args.out, {m: _record(v) for m, v in found.items()}, indent=2, sort_keys=False)
    return 2 if any(measured.failed for measured in found.values()) else 0


def format_table(found: Mapping[str, MeasuresByPicture]) -> str:
    """Return a Markdown table: the median of each measure over the pictures, a column per model.

    The number of pictures that had a value stands behind a median where some had none.
    """
    names = list(dict.fromkeys(k for rows in found.values() for row in rows.values() for k in row))
    lines = [f"| measure | {' | '.join(found)} |", "| --- " * (len(found) + 1) + "|"]
    for name in names:
        cells = [_median([row[name] for row in rows.values()]) for rows in found.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _median(values: Sequence[float]) -> str:
    kept = sorted(v for v in values if not math.isnan(v))
    if not kept:
        return "-"
    middle = (kept[(len(kept) - 1) // 2] + kept[len(kept) // 2]) / 2
    return f"{middle:.3g}" + ("" if len(kept) == len(values) else f" ({len(kept)})")


def _predictor(model: str, latitude: DatasetLocation | None) -> Predictor:
    scored = resolve(model, latitude, (HEIGHT, 2 * HEIGHT))
    if not isinstance(scored, ScoredNetwork):
        raise ValueError(f"{model} predicts stored samples only, expected a network")
    return scored.predictor


def _measure(
    predictor: Predictor, files: Sequence[PanoramaFile], masks: MaskFinder | None
) -> ModelMeasures:
    size = (HEIGHT, 2 * HEIGHT)
    enough = max(2 * predictor.size[0], HEIGHT)  # rows: turning a larger picture is a waste

    def predict(rgb: Tensor) -> DepthMaps:
        return predictor(rgb, size)

    measured = ModelMeasures({}, {})
    for file in track(files, "measuring", len(files)):
        try:
            if file.problem:
                raise BadPanoramaError(file.problem)
            rgb = read_panorama(file.path).tensor[None].float() / 255
            if rgb.shape[-2] > enough:
                rgb = resize(rgb, (enough, 2 * enough))
            sky = _sky(file, masks, size)
            measured.rows[file.name] = measure_panorama(predict, rgb, sky)
        except (BadPanoramaError, DataError, pano_models.PredictionError) as error:
            measured.failed[file.name] = str(error)
    return measured


def _sky(file: PanoramaFile, masks: MaskFinder | None, size: tuple[int, int]) -> Tensor | None:
    path = None if masks is None else masks.find(file)
    if path is None:
        return None
    return ~resize(torch.from_numpy(read_keep_mask(path)), size, "nearest")


def _score_pairs(model: str, folder: Path) -> MeasuresByPicture:
    network = pano_models.load(model)
    network.tells_other_size = False  # a picture's columns are those of its aspect
    rows = (network.native_size or network.probe_size)[0]
    found = {}
    for pair in read_pairs(folder):
        disparity = predict_disparity(network, pair.rgb, rows)
        found[pair.name] = score_pair(disparity, pair)._asdict()
    return found


def _record(measured: ModelMeasures) -> dict[str, Any]:
    rows = {
        name: {k: None if math.isnan(v) else v for k, v in row.items()}
        for name, row in measured.rows.items()
    }
    return {"pictures": rows, "failed": measured.failed}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command without the console script."""
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmark.real_pictures")
    add_arguments(parser)
    try:
        return run(parser.parse_args(argv))
    except CommandError as error:
        sys.stderr.write(f"plausibility: {error}\n")
        return 2
