"""`panodepth predict`.

A folder of panoramas becomes distance maps, previews, point clouds, meshes.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pano_data import above_bars, track
from pano_models import Predictor
from panodepth.errors import CommandError
from panodepth.outputs.records import FORMATS
from panodepth.panoramas import PanoramaFile, find_panoramas
from panodepth.predict.files import Outcome, PredictSettings, predict_files
from panodepth.prediction import load_predictor

DEFAULT_FORMATS = ("npy", "png16", "preview", "ply")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth predict`."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="panoramas (2:1) or folders of them"
    )
    parser.add_argument(
        "--model", required=True, help="runs/<experiment>, official:<name>=FILE, or a hub id"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="where the results go"
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
        "--mask", type=Path, metavar="DIR", help="masks NAME.png or NAME_mask.png, white = keep"
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
    files = find_panoramas(args.paths, args.recursive)
    _check_writable(args.out)
    predictor = load_predictor(args.model, args.device, args.height)
    settings = PredictSettings(
        out=args.out,
        model=args.model,
        formats=tuple(dict.fromkeys(args.save)),
        batch=args.batch,
        masks=args.mask,
        force_aspect=args.force_aspect,
        skip_existing=args.skip_existing,
    )
    console = Console(stderr=True)
    started = time.perf_counter()
    outcomes = _predict_with_progress(predictor, files, settings, console)
    _print_summary(outcomes, predictor, args.out, time.perf_counter() - started, console)
    return 2 if any(o.error for o in outcomes) else 0


def _check_usage(args: argparse.Namespace) -> None:
    if args.batch < 1:
        raise CommandError(f"--batch is {args.batch}, expected at least 1")
    if args.height is not None and args.height < 16:
        raise CommandError(f"--height is {args.height}, expected at least 16 pixels")
    if args.mask is not None and not args.mask.is_dir():
        raise CommandError(f"--mask {args.mask} is no folder: give the folder that holds the masks")


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".panodepth.{os.getpid()}.partial"
        probe.write_bytes(b"probe")
        probe.unlink()
    except OSError as error:
        raise CommandError(
            f"--out {folder} cannot be written ({error.strerror}): choose another folder"
        ) from error


def _predict_with_progress(
    predictor: Predictor,
    files: Sequence[PanoramaFile],
    settings: PredictSettings,
    console: Console,
) -> list[Outcome]:
    outcomes = []
    for outcome in track(predict_files(predictor, files, settings), "predicting", len(files)):
        outcomes.append(outcome)
        if outcome.error:
            with above_bars():
                console.print(
                    f"[red]failed[/] {escape(str(outcome.file.path))}: {escape(outcome.error)}"
                )
    return outcomes


def _print_summary(
    outcomes: Sequence[Outcome], predictor: Predictor, out: Path, seconds: float, console: Console
) -> None:
    table = Table("panorama", "result", box=None)
    shown = [o for o in outcomes if o.error] if len(outcomes) > 40 else outcomes
    for outcome in shown:
        style = "red" if outcome.error else ""
        table.add_row(
            escape(outcome.file.name), escape(outcome.error or outcome.summary), style=style
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
        f"on {predictor.device} at {size} -> {escape(str(out))}"
    )
