"""`panodepth export`.

A network becomes one file for ONNX Runtime or `torch.export.load`, checked against the network.
"""

import argparse
import sys
from pathlib import Path

from panodepth.errors import CommandError
from panodepth.exporting.export import DYNAMIC, export
from panodepth.prediction import DEFAULT_MODEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth export`."""
    parser.add_argument(
        "model",
        nargs="?",
        default=DEFAULT_MODEL,
        metavar="MODEL",
        help="runs/<experiment>, official:<name>=FILE, or a hub id "
        f"(default: {DEFAULT_MODEL}, the one in the box)",
    )
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--onnx",
        dest="file_format",
        action="store_const",
        const="onnx",
        help="for ONNX Runtime; needs pip install 'panodepth[onnx]'",
    )
    form.add_argument(
        "--torch-export",
        dest="file_format",
        action="store_const",
        const="torch_export",
        help="for torch.export.load, without the code of the network",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="where to write it; FILE.json is written beside it",
    )
    parser.add_argument(
        "--height",
        type=int,
        help="rows that the file takes, columns are twice that (default: as trained)",
    )
    parser.add_argument(
        "--batch",
        default=DYNAMIC,
        metavar="N",
        help=f"panoramas that the file takes at once, or {DYNAMIC} (default)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth export`.

    Returns:
        0: the file was written, and agrees with the network.

    Raises:
        CommandError: Bad usage, or nothing was written; it says why.
    """
    if args.height is not None and args.height < 16:
        raise CommandError(f"--height is {args.height}, expected at least 16 pixels")
    batch = args.batch if args.batch == DYNAMIC else _to_count(args.batch)
    exported = export(args.model, args.out, args.file_format, height=args.height, batch=batch)
    height, width = exported.size
    sys.stdout.write(
        f"{exported.path}: {args.batch} x 3 x {height} x {width}, "
        f"differs from eager by {exported.difference:.2g} (relative), "
        f"takes {exported.cost:.2f} of its CPU time on one thread\n"
    )
    return 0


def _to_count(text: str) -> int:
    if not text.isdecimal():
        raise CommandError(f"--batch is {text!r}, expected {DYNAMIC} or a number from 1 on")
    return int(text)
