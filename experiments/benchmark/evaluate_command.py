"""Command `panodepth evaluate`: score a model on a data set, or on a suite of the papers."""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

import pano_losses
from experiments.benchmark.evaluate.execution import choose_device, ranks
from experiments.benchmark.evaluate.result_folder import score_datasets
from experiments.benchmark.evaluate.score import ScoringSettings
from experiments.benchmark.models.resolve import DatasetLocation, ScoredModel, resolve
from experiments.benchmark.suites import catalogue as suites
from experiments.benchmark.suites.stage import run_suite
from pano_data import ManifestDataset, datasets, manifest_of, write_json
from pano_geometry.spelling import ask_meant
from panodepth import CommandError

SIZE = (512, 1024)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "--model",
        required=True,
        help="training folder, official:NAME=FILE, hub id, fusion:SOURCE[,...], folder:DIR[,...] "
        "or baseline_constant; see docs/evaluation.md",
    )
    parser.add_argument("--dataset", help=f"one of {', '.join(datasets.names())}")
    parser.add_argument("--suite", help=f"one of {', '.join(suites.SUITES)}, instead of --dataset")
    parser.add_argument(
        "--root",
        required=True,
        type=Path,
        help="folder of the data set as unpacked; with --suite: the folder that holds <data set>/",
    )
    parser.add_argument("--protocol", help="one of pano_losses.protocols; a suite has its own")
    parser.add_argument("--split", help="split of the data set (test); a suite has its own")
    parser.add_argument(
        "--partial",
        action="store_true",
        help="score a suite although images are missing, and mark the result",
    )
    parser.add_argument(
        "--reader-options",
        type=_reader_options,
        default={},
        metavar="YAML",
        help="arguments of readers by data set, e.g. '{stanford2d3d: {rgb_folder: rgb_}}'; "
        "params.yaml states them under datasets.<id>.options",
    )
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, metavar=("H", "W"))
    parser.add_argument("--batch-size", type=int, help="default: by the size and the device")
    parser.add_argument("--workers", type=int, default=0, help="processes that read samples")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument(
        "--latitude-from",
        nargs=2,
        metavar=("MANIFEST", "ROOT"),
        help="training set of baseline_latitude",
    )
    parser.add_argument(
        "--out", type=Path, help="file for the result instead of stdout; lets a killed run resume"
    )
    parser.add_argument(
        "--reports", type=Path, default=Path("reports"), help="where results of suites go (reports)"
    )


def run(args: argparse.Namespace) -> int:
    """Score, and write the result as JSON, or the results of the suite.

    The keys are `model`, `dataset`, `split`, `protocol`, `count` and `metrics`.
    """
    _check(args)
    latitude = DatasetLocation(*args.latitude_from) if args.latitude_from else None
    size = (args.size[0], args.size[1])
    try:
        predictor = resolve(args.model, latitude, size)
        with ranks() as here:
            device = choose_device(args.device)
            settings = ScoringSettings((), size, args.batch_size, device, args.workers, here)
            if args.suite:
                run_suite(suites.get(args.suite), args.model, predictor, args.root, settings,
                          args.reports, args.partial, args.reader_options)  # fmt: skip
            else:
                _score_dataset(args, predictor, settings)
    except (ValueError, OSError, ImportError) as error:
        raise CommandError(str(error)) from error
    return 0


def _reader_options(text: str) -> dict[str, dict[str, Any]]:
    """Parse data set -> options of its reader, in YAML."""
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise argparse.ArgumentTypeError(f"got {text!r}, which is no YAML: {told}") from error
    if not isinstance(given, dict) or not all(isinstance(v, dict) for v in given.values()):
        raise argparse.ArgumentTypeError(
            f"got {text!r}, expected data sets with their options: {{NAME: {{KEY: VALUE}}}}"
        )
    unknown = sorted(set(given) - set(datasets.names()))
    if unknown:
        raise argparse.ArgumentTypeError(f"got {unknown[0]!r}, expected ids of data sets")
    return given


def _check(args: argparse.Namespace) -> None:
    if bool(args.suite) == bool(args.dataset):
        raise CommandError("expected one of --dataset and --suite")
    if args.suite and (args.protocol or args.split or args.out):
        raise CommandError(
            "a suite has its own protocols and splits and writes to --reports: "
            "leave out --protocol, --split and --out"
        )
    if args.dataset and args.partial:
        raise CommandError("--partial is for a suite, which knows how many images there should be")
    if args.dataset and args.protocol not in pano_losses.protocols:
        known = pano_losses.protocols
        raise CommandError(
            f"got protocol {args.protocol!r}{ask_meant(args.protocol or '', known)}, "
            f"expected one of {', '.join(sorted(known))}"
        )
    if args.out is not None and args.out.is_dir():
        raise CommandError(f"--out {args.out} is a folder, expected the name of a file")
    batch = 1 if args.batch_size is None else args.batch_size
    if min(*args.size, batch) < 1 or args.workers < 0:
        height, width = args.size
        raise CommandError(
            f"got --size {height} {width} --batch-size {batch} --workers {args.workers}, expected "
            "positive --size and --batch-size, and --workers of 0 or more"
        )


def _score_dataset(
    args: argparse.Namespace, predictor: ScoredModel, settings: ScoringSettings
) -> None:
    split = args.split or "test"
    options = args.reader_options.get(args.dataset, {})
    rows = manifest_of(datasets.get(args.dataset).rows(args.root, split, **options))
    data = ManifestDataset(rows, args.root, settings.size)
    wanted = replace(settings, protocols=(args.protocol,))
    if args.out is None and settings.ranks.world > 1:
        raise CommandError("several processes need --out FILE: they meet beside it")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) if args.out is None else _beside(args.out)
        metrics = score_datasets(predictor, {args.dataset: data}, wanted, folder)
    if not settings.ranks.first:
        return
    result = {
        "model": args.model,
        "dataset": args.dataset,
        "split": split,
        "protocol": args.protocol,
        "count": len(data),
        "metrics": metrics[args.dataset][args.protocol],
    }
    if args.out is None:
        sys.stdout.write(json.dumps(result, indent=1) + "\n")
    else:
        write_json(args.out, result)


def _beside(out: Path) -> Path:
    """Return the folder of the per-image table, curves and pictures of a result file."""
    return out.with_name(f"{out.stem}.files")
