"""`panodepth view`: looks at predictions in the browser, or predicts what is dropped on the page."""

import argparse
import re
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from pano_data.io.atomic import write_bytes, write_text
from panodepth.errors import CommandError
from panodepth.network import load_network, working_height
from panodepth.outputs.records import record_path, save_prediction
from panodepth.panoramas import read_panorama
from panodepth.prediction import choose_device, predict_batch
from panodepth.view.entry import find_records, make_embedded_entry
from panodepth.view.page import render_page
from panodepth.view.server import Predictor, ViewerServer

FORMATS = ("npy", "png16", "ply", "glb")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `panodepth view`."""
    parser.add_argument(
        "what", metavar="DIR|MODEL", help="output folder of panodepth predict, or a model to try"
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
    """Runs `panodepth view` until interrupted.

    Returns:
        0.

    Raises:
        CommandError: Neither a folder of predictions nor a model, or the port is taken.
    """
    folder = Path(args.what)
    records = find_records(folder) if folder.is_dir() else []
    if args.html:
        if not records:
            raise CommandError(f"--html needs a folder of predictions, {args.what} holds none")
        _write_html(args.html, folder, records)
        return 0
    if records:
        return _serve(args, folder, f"{len(records)} predictions", None)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise CommandError(
            f"{folder} holds neither predictions (*_prediction.json of panodepth predict) "
            "nor a model (config.json)"
        )
    device = choose_device(args.device)
    network = load_network(args.what, device)
    height = args.height or working_height(args.what, network)
    with tempfile.TemporaryDirectory(prefix="panodepth-view-") as temporary:
        out = args.out or Path(temporary)
        out.mkdir(parents=True, exist_ok=True)
        predictor = make_drop_handler(network, args.what, height, device, out)
        return _serve(args, out, f"{args.what} on {device} at {height}x{2 * height}", predictor)


def _write_html(path: Path, folder: Path, records: Sequence[Path]) -> None:
    entries = [make_embedded_entry(record, folder) for record in records]
    write_text(path, render_page(entries, "", accepts=False))
    sys.stderr.write(f"{len(entries)} predictions in {path} ({path.stat().st_size / 1e6:.1f} MB)\n")


def make_drop_handler(
    network: nn.Module, model: str, height: int, device: torch.device, out: Path
) -> Predictor:
    """What the server calls with a dropped image: keeps it, predicts it, writes its files.

    Args:
        network: In eval mode on `device`.
        model: The MODEL it came from, for the record.
        height: Working height in pixels.
        device: Where the network is.
        out: Folder that image and results go to.
    """

    def predict(content: bytes, name: str) -> Path:
        stem = re.sub(r"[^\w.-]+", "_", Path(name).stem).strip("._") or "panorama"
        source = out / "dropped" / (stem + Path(name).suffix.lower())
        write_bytes(source, content)
        panorama = read_panorama(source)
        (maps,) = predict_batch(network, [panorama], height, device)
        about = {"source": str(source.absolute()), "model": model, "working_height": height}
        save_prediction(out, stem, panorama.rgb, maps.at_size_of(panorama), FORMATS, about)
        return record_path(out, stem)

    return predict


def _serve(args: argparse.Namespace, folder: Path, about: str, predictor: Predictor | None) -> int:
    try:
        server = ViewerServer((args.host, args.port), folder, about, predictor)
    except OSError as error:
        raise CommandError(
            f"cannot listen on {args.host}:{args.port} ({error.strerror}): choose another --port"
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
