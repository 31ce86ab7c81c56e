"""`panodepth view`.

Looks at predictions in the browser, or predicts what is dropped on the page.
"""

import argparse
import re
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from pano_data.io.atomic import replace_file, write_text
from pano_data.io.pictures.picture import SUFFIXES
from pano_models import ModelNotFoundError, Predictor
from pano_models.loading import OFFICIAL
from panodepth.errors import CommandError, printable
from panodepth.outputs.records import digest_of, find_records, record_path, save_prediction
from panodepth.panorama_files import read_panorama
from panodepth.prediction import DEFAULT_MODEL, PredictedMap, load_predictor
from panodepth.viewer.entries import make_embedded_entry, make_entries
from panodepth.viewer.page import render_page
from panodepth.viewer.server import DropHandler, ViewerServer

FORMATS = ("npy", "png16", "ply", "glb")
LONGEST_STEM = 150
"""Bytes: with the endings of outputs and temporary files it stays below the usual 255."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth view`."""
    parser.add_argument(
        "what",
        metavar="DIR|MODEL",
        nargs="?",
        default=DEFAULT_MODEL,
        help=f"output folder of panodepth predict, or a model to try (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument(
        "--port", type=int, default=8360, help="port, 0 takes a free one (default: 8360)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write one self-contained page and stop"
    )
    parser.add_argument("--device", default="auto", help="for a model: auto, cpu, cuda, mps")
    parser.add_argument("--height", type=int, help="for a model: working height in pixels")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="for a model: keep the predictions here"
    )


def run(args: argparse.Namespace) -> int:
    """Run `panodepth view` until interrupted.

    Returns:
        0; 2 when `--html` had to leave out a prediction.

    Raises:
        CommandError: Neither a folder of predictions nor a model, or the port is taken.
    """
    folder = Path(args.what)
    records = find_records(folder) if folder.is_dir() else []
    if args.html:
        if not records:
            found = f"{folder} holds none" if folder.is_dir() else f"there is no folder {folder}"
            raise CommandError(f"--html needs a folder of predictions, {found}")
        return _write_html(args.html, folder, records)
    if records:
        return _serve(args, folder, f"{len(records)} predictions", None)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise CommandError(
            f"{folder} holds neither predictions (*_prediction.json of panodepth predict) "
            "nor a model (config.json)"
        )
    predictor = _load(args)
    size = "x".join(map(str, predictor.size))
    with tempfile.TemporaryDirectory(prefix="panodepth-view-") as temporary:
        out = args.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        handler = make_drop_handler(predictor, args.what, out)
        return _serve(args, out, f"{args.what} on {predictor.device} at {size}", handler)


def _load(args: argparse.Namespace) -> Predictor:
    """Load what was named, which is no folder of predictions.

    Raises:
        CommandError: It is not there: in words of `view`, whose user may mean a folder.
    """
    try:
        return load_predictor(args.what, args.device, args.height)
    except CommandError as error:
        named = args.what == DEFAULT_MODEL or args.what.startswith(OFFICIAL)
        if named or not isinstance(error.__cause__, ModelNotFoundError):
            raise
        path = Path(args.what)
        if path.is_file():
            raise CommandError(
                f"{path} is a file, expected a folder: of predictions (panodepth predict PATH... "
                "--out DIR writes them), or of a training"
            ) from error
        if "/" in args.what and path.parent.is_dir():
            raise CommandError(
                f"there is no folder {path}: expected one of predictions (panodepth predict "
                f"PATH... --out {path} writes it), or of a training"
            ) from error
        reason = str(error.__cause__).partition("; expected ")[0]  # without the names of all models
        raise CommandError(
            f"there is no folder {path} of predictions (panodepth predict PATH... --out {path} "
            f"writes it), and {reason}: panodepth models lists all models"
        ) from error.__cause__


def _write_html(path: Path, folder: Path, records: Sequence[Path]) -> int:
    entries, problems = make_entries(records, lambda record: make_embedded_entry(record, folder))
    for problem in problems:
        sys.stderr.write(f"left out: {printable(problem)}\n")
    if not entries:
        raise CommandError(f"none of the {len(records)} predictions in {folder} can be shown")
    if path.is_dir():
        raise CommandError(f"--html {path} is a folder, expected the name of a file")
    write_text(path, render_page(entries, "", accepts=False))
    megabytes = path.stat().st_size / 1e6
    sys.stderr.write(f"{len(entries)} predictions in {printable(str(path))} ({megabytes:.1f} MB)\n")
    return 2 if problems else 0


def make_drop_handler(predictor: Predictor, model: str, out: Path) -> DropHandler:
    """Return what the server calls with a dropped image: it keeps it and writes its prediction.

    Args:
        predictor: The network, its size and its device.
        model: The MODEL it came from, for the record.
        out: Folder that image and results go to.
    """

    def predict(content: bytes, name: str) -> Path:
        stem, suffix = _safe_name(name)
        source = out / "dropped" / (stem + suffix)
        # What was kept under this name stays until the new picture has proved to be a panorama.
        with replace_file(source) as temporary:
            temporary.write_bytes(content)
            panorama = read_panorama(temporary)
            (maps,) = predictor.at_working_size([panorama.tensor])
        about = {
            "source": str(source.absolute()),
            "source_digest": digest_of(source),
            "model": model,
            "working_height": predictor.size[0],
        }
        save_prediction(
            out, stem, panorama.rgb, PredictedMap.from_network(maps, panorama), FORMATS, about
        )
        return record_path(out, stem)

    return predict


def _safe_name(name: str) -> tuple[str, str]:
    """Stem and suffix of a file that any file system takes."""
    stem = re.sub(r"[^\w.-]+", "_", Path(name).stem).strip("._")
    suffix = Path(name).suffix.lower()
    cut = stem.encode()[:LONGEST_STEM].decode("utf-8", "ignore")
    return cut or "panorama", suffix if suffix in SUFFIXES else ""


def _serve(args: argparse.Namespace, folder: Path, about: str, on_drop: DropHandler | None) -> int:
    if not 0 <= args.port <= 65535:
        raise CommandError(f"--port is {args.port}, expected 0 (a free one) to 65535")
    try:
        server = ViewerServer((args.host, args.port), folder, about, on_drop)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {args.host}:{args.port} ({error.strerror}): choose another "
            "--port, or a --host that is this machine"
        ) from error
    with server:
        sys.stderr.write(f"{about}: {server.url} (stop with Ctrl-C)\n")
        if not args.no_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stderr.write("\n")
    return 0
