"""`panodepth export`.

A network becomes one file for ONNX Runtime, `torch.export.load` or Core ML, checked against the
network.
"""

import argparse
import sys
from pathlib import Path

from panodepth.errors import CommandError, printable
from panodepth.exporting.export import Exported, export
from panodepth.exporting.file_formats import FILE_FORMATS
from panodepth.exporting.input_shape import DYNAMIC
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
    form.add_argument(
        "--coreml",
        dest="file_format",
        action="store_const",
        const="coreml",
        help="for macOS and iOS; needs pip install 'panodepth[coreml]'",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help="where to write it (Core ML: NAME.mlpackage); FILE.json is written beside it",
    )
    parser.add_argument(
        "--height",
        metavar=f"N|{DYNAMIC}",
        help="rows that the file takes, columns are twice that (default: as trained); "
        f"{DYNAMIC}: any multiple of the network's stride (pano_small)",
    )
    parser.add_argument(
        "--batch",
        metavar=f"N|{DYNAMIC}",
        help=f"panoramas that the file takes at once (default: {DYNAMIC}, of Core ML 1)",
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth export`.

    Returns:
        0: the file was written, and agrees with the network where it can be run.

    Raises:
        CommandError: Bad usage, or nothing was written; it says why.
    """
    height = _number("--height", args.height, 16)
    batch = _number("--batch", args.batch, 1)
    exported = export(args.model, args.out, args.file_format, height=height, batch=batch)
    sys.stdout.write(f"{printable(str(exported.path))}: {_describe(exported, args.file_format)}\n")
    return 0


def _number(option: str, text: str | None, least: int) -> int | str | None:
    if text is None or text == DYNAMIC:
        return text
    if not text.isdecimal() or int(text) < least:
        raise CommandError(f"{option} is {text!r}, expected {DYNAMIC} or a number from {least} on")
    return int(text)


def _describe(exported: Exported, file_format: str) -> str:
    axes = " x ".join(map(str, exported.shape.axes))
    if exported.shape.stride:
        axes += f" (2:1, height a multiple of {exported.shape.stride})"
    if exported.difference is None:
        return f"{axes}, not run and not compared: {FILE_FORMATS[file_format].cannot_run}"
    return (
        f"{axes}, differs from eager by {exported.difference:.2g} (relative), "
        f"takes {exported.cost:.2f} of its CPU time on one thread"
    )
