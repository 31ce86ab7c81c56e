"""`panodepth video`.

A panoramic video becomes a video of distances, at one scale.
"""

import argparse
import math
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import numpy as np
from rich.console import Console

from pano_data import Picture, track
from pano_data.io.atomic import write_json
from pano_data.io.pictures.picture import SUFFIXES
from pano_models import Predictor
from panodepth.errors import BadPanoramaError, CommandError, printable
from panodepth.inference.files import predict_pictures
from panodepth.outputs.records import FORMATS
from panodepth.panorama_files import check_aspect
from panodepth.prediction import DEFAULT_MODEL, load_predictor
from panodepth.video.files import VideoFrame, read_facts, read_frames
from panodepth.video.products import HOLD_S, VideoOutput

NEARLY_ALL = 0.95
"""Share of the promised frames below which a video was cut short: headers count roughly."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth video`."""
    parser.add_argument("video", type=Path, metavar="VIDEO", help="equirectangular, 2:1")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: panodepth-out beside it")
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"as of predict (default: {DEFAULT_MODEL})"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    parser.add_argument("--height", type=int, help="working height of the network in pixels")
    parser.add_argument("--batch", type=int, default=4, help="frames per forward pass (default: 4)")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each n-th frame only")
    parser.add_argument(
        "--hold",
        type=float,
        metavar="SECONDS",
        help="changes of scale faster than this are taken out; 0: none are, inf: all are, for a "
        f"camera that stands (default: {HOLD_S:g}, of a metric model 0)",
    )
    parser.add_argument(
        "--frames",
        nargs="*",
        choices=sorted(FORMATS),
        metavar="FORMAT",
        help="write each frame as a picture with its prediction, too, as predict does",
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth video`.

    Returns:
        0; 2 where the file ends before all its frames: those before are written.

    Raises:
        CommandError: Bad usage, not a panoramic video, or a folder that cannot be written.
    """
    _check_usage(args)
    out = args.out or args.video.absolute().parent / "panodepth-out"
    console = Console(stderr=True)
    try:
        facts = read_facts(args.video)
        check_aspect(facts.height, facts.width)
        predictor = load_predictor(args.model, args.device, args.height)
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            output = VideoOutput(args, out, facts, predictor, stack)
            cut_short = _predict(args, predictor, output)
        if not output.factors:
            raise CommandError(f"{args.video} holds no frame")
        report = output.report()
        write_json(out / f"{args.video.stem}_video.json", report, indent=2, sort_keys=False)
    except BadPanoramaError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise CommandError(f"--out {out} cannot be written ({error.strerror or error})") from error
    before, after = report["flicker_before"], report["flicker_after"]
    console.print(
        f"{report['frames']} frames; flicker of the scale {_percent(before['scale_percent'])} -> "
        f"{_percent(after['scale_percent'])}, of pixels {_percent(before['pixel_percent'])} -> "
        f"{_percent(after['pixel_percent'])} -> {printable(str(out))}",
        markup=False,
        soft_wrap=True,
    )
    if cut_short:
        told = f"{printable(cut_short)}; the frames before are written"
        console.print(told, style="red", markup=False, soft_wrap=True)
    return 2 if cut_short else 0


def _predict(args: argparse.Namespace, predictor: Predictor, output: VideoOutput) -> str:
    """Write all frames that can be read; return why it ended early, empty where it did not."""
    total = output.facts.frames
    count = None if total is None else math.ceil(total / args.every)
    broken: list[str] = []
    readable = _until_broken(read_frames(args.video, args.every), broken)
    frames = iter(track(readable, "predicting", count))
    for batch in _batches(frames, args.batch):
        valid = np.ones(batch[0].rgb.shape[:2], np.bool_)
        found = predict_pictures(predictor, [Picture(frame.rgb, valid) for frame in batch])
        for frame, maps in zip(batch, found, strict=True):
            if isinstance(maps, str):
                raise CommandError(f"{args.video}, frame {frame.number}: {maps}")
            output.add(frame, maps)
    read = len(output.factors)
    if not broken and count is not None and read < NEARLY_ALL * count - 1:
        broken.append(f"{args.video} ends after {read} of {count} frames: fetch it again")
    return broken[0] if broken else ""


def _until_broken(frames: Iterator[VideoFrame], broken: list[str]) -> Iterator[VideoFrame]:
    """Give frames up to one that cannot be decoded, whose reason goes to `broken`."""
    given = 0
    try:
        for frame in frames:
            yield frame
            given += 1
    except BadPanoramaError as error:
        if not given:
            raise
        broken.append(str(error))


def _batches(frames: Iterator[VideoFrame], count: int) -> Iterator[list[VideoFrame]]:
    while batch := list(islice(frames, count)):
        yield batch


def _check_usage(args: argparse.Namespace) -> None:
    video: Path = args.video
    if not video.exists():
        raise CommandError(f"{video} cannot be read as a video: there is no such file")
    if video.suffix.lower() in SUFFIXES:
        raise CommandError(f"{video} is a picture: panodepth predict {video}")
    for name, least in (("batch", 1), ("every", 1), ("hold", 0)):
        value = getattr(args, name)
        if value is not None and not value >= least:  # NaN fails, too
            raise CommandError(f"--{name} is {value}, expected at least {least}")


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f} %"
