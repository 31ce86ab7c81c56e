"""`panodepth evaluate`: one model on one data set under one protocol, `metrics.json` on stdout or in a file."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

import pano_losses
import pano_models
from experiments.apps.command_error import CommandError
from experiments.benchmark.evaluate import can_score, score
from pano_data import datasets
from pano_data.errors import DataError
from pano_data.manifest import write_manifest
from pano_data.reader import ManifestDataset


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument(
        "--model", required=True, help="training folder, official:NAME=FILE or hub id"
    )
    parser.add_argument("--dataset", required=True, help=f"one of {', '.join(datasets.names())}")
    parser.add_argument(
        "--root", required=True, type=Path, help="folder of the data set as unpacked"
    )
    parser.add_argument("--protocol", required=True, help="one of pano_losses.protocols")
    parser.add_argument("--split", default="test", help="split of the data set (test)")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 1024), metavar=("H", "W"))
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda")
    parser.add_argument("--out", type=Path, help="file for the result instead of stdout")


def run(args: argparse.Namespace) -> int:
    """Scores and writes `{"model", "dataset", "split", "protocol", "metrics"}`."""
    if args.protocol not in pano_losses.protocols:
        known = ", ".join(sorted(pano_losses.protocols))
        raise CommandError(f"got protocol {args.protocol!r}, expected one of {known}")
    try:
        model = pano_models.load(args.model)
        rows = list(datasets.get(args.dataset).rows(args.root, args.split))
    except (DataError, pano_models.ModelNotFoundError, pano_models.CheckpointError) as error:
        raise CommandError(str(error)) from error
    device = "cuda" if args.device == "auto" and torch.cuda.is_available() else args.device
    device = "cpu" if device == "auto" else device
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "rows.parquet"
        write_manifest(manifest, rows)
        data = ManifestDataset(manifest, args.root, tuple(args.size))
        prediction = model.to(device)(data[0]["image"][None].to(device))
        if not can_score(args.protocol, prediction):
            accepts = pano_losses.protocols[args.protocol].accepts
            raise CommandError(
                f"protocol {args.protocol!r} scores {' or '.join(accepts)}, the model gives "
                f"{', '.join(prediction)}; choose a protocol that aligns this kind of prediction"
            )
        metrics = score(model, data, [args.protocol], args.batch_size, device, args.dataset).metrics
    result = {
        "model": args.model,
        "dataset": args.dataset,
        "split": args.split,
        "protocol": args.protocol,
        "metrics": metrics[args.protocol],
    }
    _write(json.dumps(result, indent=1) + "\n", args.out)
    return 0


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    part = out.with_name(f".{out.name}.part")
    part.write_text(text)
    part.replace(out)
