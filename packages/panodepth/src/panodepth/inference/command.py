"""`panodepth predict`.

A folder of panoramas becomes distance maps, previews, point clouds, meshes.
"""

import argparse
import time
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pano_data import above_bars, track
from pano_models import Predictor
from panodepth.errors import CommandError, printable
from panodepth.inference.files import Outcome, PredictSettings, predict_files
from panodepth.inference.freed_memory import return_large_arrays
from panodepth.input_names import PanoramaFile
from panodepth.outputs.records import DEFAULT_FORMATS, FORMATS, check_writable
from panodepth.panorama_files import (
    MASK_NAMES,
    VIDEO_SUFFIXES,
    MaskFinder,
    find_panoramas,
)
from panodepth.prediction import DEFAULT_MODEL, check_height, load_predictor

DEFAULT_OUT = "panodepth-out"
"""Folder of the results beside the first PATH."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth predict`."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="panoramas (2:1) or folders of them"
    )
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        help="a name that `panodepth models` lists, runs/<experiment>, official:<name>=FILE, or "
        "a hub id "
        f"(default: {DEFAULT_MODEL}, the one in the box)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"where the results go (default: {DEFAULT_OUT} beside the first PATH)",
    )
    parser.add_argument(
        "--save",
        nargs="+",
        choices=sorted(FORMATS),
        default=list(DEFAULT_FORMATS),
        metavar="FORMAT",
        help=f"any of {' '.join(FORMATS)} (default: {' '.join(DEFAULT_FORMATS)})",
    )
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: auto)"
    )
    parser.add_argument(
        "--height", type=int, help="working height of the network in pixels (default: its own)"
    )
    parser.add_argument(
        "--batch", type=int, default=4, help="panoramas per forward pass (default: 4)"
    )
    parser.add_argument(
        "--mask", type=Path, metavar="DIR", help=f"masks, white = keep: {MASK_NAMES}"
    )
    parser.add_argument("--recursive", action="store_true", help="descend into subfolders")
    parser.add_argument(
        "--force-aspect",
        action="store_true",
        help="take images that are not 2:1 as stretched panoramas",
    )
    parser.add_argument(
        "--skip-existing", action="store_true", help="resume where an earlier run stopped"
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth predict`.

    Returns:
        0 when every panorama was written, 2 when at least one failed.

    Raises:
        CommandError: Bad usage, an unusable model, an output folder that cannot be written.
    """
    _check_usage(args)
    return_large_arrays()
    console = Console(stderr=True)
    files = find_panoramas(args.paths, args.recursive, partial(_print_line, console))
    masks = None if args.mask is None else MaskFinder(args.mask)
    if masks:
        _tell_unmasked(files, masks, console)
    out = args.out or args.paths[0].absolute().parent / DEFAULT_OUT
    check_writable(out)
    predictor = load_predictor(args.model, args.device, args.height)
    settings = PredictSettings(
        out=out,
        model=args.model,
        formats=tuple(dict.fromkeys(args.save)),
        batch=args.batch,
        masks=masks,
        force_aspect=args.force_aspect,
        skip_existing=args.skip_existing,
    )
    started = time.perf_counter()
    outcomes = _predict_with_progress(predictor, files, settings, console)
    _print_summary(outcomes, predictor, out, time.perf_counter() - started, console)
    return 2 if any(o.error for o in outcomes) else 0


def _print_line(console: Console, text: str) -> None:
    # One line whatever the width: a log is searched, a path is copied.
    console.print(escape(printable(text)), soft_wrap=True)


def _tell_unmasked(files: Sequence[PanoramaFile], masks: MaskFinder, console: Console) -> None:
    without = [file for file in files if not file.problem and masks.find(file) is None]
    if without:
        _print_line(
            console,
            f"no mask in {masks.folder} for {len(without)} of {len(files)} panoramas, first "
            f"{without[0].name}: expected {MASK_NAMES}",
        )


def _check_usage(args: argparse.Namespace) -> None:
    videos = [path for path in args.paths if path.suffix.lower() in VIDEO_SUFFIXES]
    if len(videos) == len(args.paths):
        raise CommandError(f"{videos[0]} is a video: panodepth video {videos[0]}")
    if args.batch < 1:
        raise CommandError(f"--batch is {args.batch}, expected at least 1")
    if "usd" in args.save and find_spec("pxr") is None:
        raise CommandError("--save usd needs usd-core: pip install 'panodepth[usd]'")
    check_height(args.height)


def _predict_with_progress(
    predictor: Predictor,
    files: Sequence[PanoramaFile],
    settings: PredictSettings,
    console: Console,
) -> list[Outcome]:
    outcomes = []
    for outcome in track(predict_files(predictor, files, settings), "predicting", len(files)):
        outcomes.append(outcome)
        path = escape(printable(str(outcome.file.path)))
        with above_bars():
            for note in outcome.notes:
                console.print(f"{path}: {escape(printable(note))}", soft_wrap=True)
            if outcome.error:
                error = escape(printable(outcome.error))
                console.print(f"[red]failed[/] {path}: {error}", soft_wrap=True)
    return outcomes


def _print_summary(
    outcomes: Sequence[Outcome], predictor: Predictor, out: Path, seconds: float, console: Console
) -> None:
    table = Table("panorama", "result", box=None)
    shown = [o for o in outcomes if o.error] if len(outcomes) > 40 else outcomes
    for outcome in shown:
        style = "red" if outcome.error else ""
        table.add_row(
            escape(printable(outcome.file.name)),
            escape(printable(outcome.error or outcome.summary)),
            style=style,
        )
    if shown:
        console.print(table)
    failed = sum(o.error is not None for o in outcomes)
    skipped = sum(o.skipped for o in outcomes)
    written = len(outcomes) - failed - skipped
    size = "x".join(map(str, predictor.size))
    rest = f", {skipped} done before" if skipped else ""
    console.print(
        f"{written} written, {failed} failed{rest} in {seconds:.1f} s "
        f"on {predictor.device} at {size} -> {escape(printable(str(out)))}",
        soft_wrap=True,
    )
