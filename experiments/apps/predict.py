"""`panodepth predict`: a folder of panoramas becomes distance maps, previews, point clouds, meshes."""

import argparse
import errno
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from torch import nn

from experiments.apps.command_error import CommandError
from experiments.apps.inference import Prediction, WorkingMaps, choose_device, predict_batch
from experiments.apps.network import load_network, working_height
from experiments.apps.panoramas import (
    BadPanoramaError,
    Panorama,
    PanoramaFile,
    find_mask,
    find_panoramas,
    read_panorama,
)
from experiments.apps.prediction_files import FORMATS, is_complete, save_prediction

DEFAULT_FORMATS = ("npy", "png16", "preview", "ply")
# Nothing that follows can be written either.
DISK_IS_UNUSABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


@dataclass(frozen=True)
class PredictSettings:
    """What `predict` does with each panorama, apart from which panoramas they are.

    Attributes:
        out: Output folder.
        model: The MODEL as the user gave it, kept in the records.
        formats: Keys of `FORMATS`.
        height: Working height of the network in pixels.
        device: Where the network is.
        batch: Panoramas a forward pass.
        masks: Folder with masks, if any.
        force_aspect: Accept images that are not 2:1.
        skip_existing: Leave out panoramas an earlier run has completed.
    """

    out: Path
    model: str
    formats: tuple[str, ...]
    height: int
    device: torch.device
    batch: int = 4
    masks: Path | None = None
    force_aspect: bool = False
    skip_existing: bool = False


@dataclass
class Outcome:
    """What became of one panorama: `error` is None when all its files are written."""

    file: PanoramaFile
    error: str | None = None
    skipped: bool = False
    summary: str = ""
    files: list[Path] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `panodepth predict`."""
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
        "--batch", type=int, default=4, help="panoramas a forward pass (default: 4)"
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
        "--skip-existing", action="store_true", help="go on where an earlier run stopped"
    )


def run(args: argparse.Namespace) -> int:
    """Runs `panodepth predict`.

    Returns:
        0 when every panorama was written, 2 when at least one failed.

    Raises:
        CommandError: Bad usage, an unusable model, an output folder that cannot be written.
    """
    _check_usage(args)
    files = find_panoramas(args.paths, args.recursive)
    _check_writable(args.out)
    device = choose_device(args.device)
    network = load_network(args.model, device)
    settings = PredictSettings(
        out=args.out,
        model=args.model,
        formats=tuple(dict.fromkeys(args.save)),
        height=args.height or working_height(args.model, network),
        device=device,
        batch=args.batch,
        masks=args.mask,
        force_aspect=args.force_aspect,
        skip_existing=args.skip_existing,
    )
    console = Console(stderr=True)
    started = time.perf_counter()
    outcomes = _with_progress(network, files, settings, console)
    _print_summary(outcomes, settings, time.perf_counter() - started, console)
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


def _with_progress(
    network: nn.Module, files: Sequence[PanoramaFile], settings: PredictSettings, console: Console
) -> list[Outcome]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    outcomes = []
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("panoramas", total=len(files))
        for outcome in predict_files(network, files, settings):
            outcomes.append(outcome)
            progress.advance(task)
            if outcome.error:
                progress.console.print(
                    f"[red]failed[/] {escape(str(outcome.file.path))}: {escape(outcome.error)}"
                )
    return outcomes


def predict_files(
    network: nn.Module, files: Sequence[PanoramaFile], settings: PredictSettings
) -> Iterator[Outcome]:
    """Predicts and writes panoramas one batch at a time; the next batch is read meanwhile.

    Args:
        network: In eval mode on `settings.device`.
        files: What to predict.
        settings: How.

    Yields:
        One outcome a file, in order; a failed one does not stop the others.

    Raises:
        CommandError: The disk is full or read-only.
    """
    todo = []
    for file in files:
        if settings.skip_existing and is_complete(
            settings.out, file.name, settings.formats, settings.model
        ):
            yield Outcome(file, skipped=True, summary="done before")
        else:
            todo.append(file)
    batches = [todo[i : i + settings.batch] for i in range(0, len(todo), settings.batch)]
    with ThreadPoolExecutor(max_workers=settings.batch) as readers:
        reading = _submit(readers, batches[0], settings) if batches else []
        for i, batch in enumerate(batches):
            current, reading = (
                reading,
                (_submit(readers, batches[i + 1], settings) if i + 1 < len(batches) else []),
            )
            yield from _predict_batch_files(network, batch, current, settings)


def _submit(
    readers: ThreadPoolExecutor, batch: Sequence[PanoramaFile], settings: PredictSettings
) -> list["Future[Panorama]"]:
    masks = [find_mask(settings.masks, f) if settings.masks else None for f in batch]
    return [
        readers.submit(read_panorama, file.path, mask, settings.force_aspect)
        for file, mask in zip(batch, masks, strict=True)
    ]


def _predict_batch_files(
    network: nn.Module,
    batch: Sequence[PanoramaFile],
    reading: Sequence["Future[Panorama]"],
    settings: PredictSettings,
) -> Iterator[Outcome]:
    panoramas: list[Panorama | str] = []
    for future in reading:
        try:
            panoramas.append(future.result())
        except BadPanoramaError as error:
            panoramas.append(str(error))
    readable = [p for p in panoramas if isinstance(p, Panorama)]
    working = iter(_predict_each(network, readable, settings))
    for file, panorama in zip(batch, panoramas, strict=True):
        if isinstance(panorama, str):
            yield Outcome(file, error=panorama)
            continue
        maps = next(working)
        if isinstance(maps, str):
            yield Outcome(file, error=maps)
        else:  # brought to full size one at a time: large panoramas are large
            yield _save(file, panorama, maps.at_size_of(panorama), settings)


def _predict_each(
    network: nn.Module, panoramas: Sequence[Panorama], settings: PredictSettings
) -> list[WorkingMaps | str]:
    """Working maps, or the reason why there is none; a batch that fails is tried one by one."""
    if not panoramas:
        return []
    try:
        return list(predict_batch(network, panoramas, settings.height, settings.device))
    except (RuntimeError, ValueError, BadPanoramaError) as error:  # out of memory is a RuntimeError
        if len(panoramas) == 1:
            return [f"the network failed: {str(error).splitlines()[0]}"]
    return [p for one in panoramas for p in _predict_each(network, [one], settings)]


def _save(
    file: PanoramaFile, panorama: Panorama, prediction: Prediction, settings: PredictSettings
) -> Outcome:
    about = {
        "source": str(file.path.absolute()),
        "model": settings.model,
        "working_height": settings.height,
    }
    try:
        files = save_prediction(
            settings.out, file.name, panorama.rgb, prediction, settings.formats, about
        )
    except OSError as error:
        if error.errno in DISK_IS_UNUSABLE:
            raise CommandError(
                f"{settings.out} cannot take more ({error.strerror}) at {file.path}: "
                "free some space and go on with --skip-existing"
            ) from error
        return Outcome(file, error=f"cannot write: {error}")
    return Outcome(file, summary=_describe(prediction), files=files)


def _describe(prediction: Prediction) -> str:
    near = prediction.values[prediction.near]
    if not near.size:
        return "nothing near"
    far = f", {prediction.far.mean():.0%} far" if prediction.far.any() else ""
    return f"{near.min():.3g} to {near.max():.3g} {prediction.unit}{far}"


def _print_summary(
    outcomes: Sequence[Outcome], settings: PredictSettings, seconds: float, console: Console
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
    rest = f", {skipped} done before" if skipped else ""
    console.print(
        f"{written} written, {failed} failed{rest} in {seconds:.1f} s "
        f"on {settings.device} at {settings.height}x{2 * settings.height} -> {escape(str(settings.out))}"
    )
