"""`panodepth train IMAGES DEPTH`: fine-tune a network on pictures and depth maps of your own.

Run from the root of a clone, like every training. The pairs are audited first; a training that is
killed resumes exactly where it was when the same command runs again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from dvc.exceptions import DvcException, NotDvcRepoError
from dvc.repo import Repo

import pano_models
from experiments.own_data.pairs import (
    SUFFIXES,
    Pairs,
    absrel_of_network,
    describe_pairs,
    find_pairs,
    has_integer_labels,
    units_hint,
)
from experiments.own_data.values import PROTOCOLS, SECTION, values
from experiments.pipeline.params import PARAMS_FILE, ParamsError
from experiments.pipeline.processes import global_rank
from experiments.pipeline.run_folder import STATE
from experiments.training.cli import launch
from pano_data import DataError
from pano_models import CheckpointError, DepthModel, Maps, ModelNotFoundError, geometry_key
from pano_models.outputs import UNITS
from pano_models.weights.box import box_folder, box_names
from panodepth import CommandError
from panodepth.errors import one_line

PROGRAM = "panodepth-train"
LEAST_HEIGHT = 16
"""Pixels; below it no network sees anything."""
OPTIONS = ("kind", "invalid", "far", "fov_x_deg", "intrinsics", "held_out")
"""Options of the command that are those of the reader."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("images", type=Path, metavar="IMAGES", help="folder of the pictures")
    parser.add_argument(
        "depth", type=Path, metavar="DEPTH",
        help=f"folder of the depth maps of the same names ({SUFFIXES}); may be the same folder",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="folder of the model, a new one")
    parser.add_argument(
        "--model", default="pano_small", help="what to start from: pano_small (default), runs/NAME"
    )
    data = parser.add_argument_group("the data")
    data.add_argument(
        "--units", type=float, help="stored values per metre: 1000 where depth is in millimetres"
    )
    data.add_argument(
        "--kind", choices=("distance", "z"), default="distance",
        help="distance along the ray (default), or z along the axis of a perspective picture",
    )  # fmt: skip
    data.add_argument("--invalid", type=float, nargs="+", default=(), help="stored: not measured")
    data.add_argument("--far", type=float, nargs="+", default=(), help="stored: sky, out of range")
    data.add_argument("--masks", type=Path, metavar="DIR", help="PNG of the same name, 255 = keep")
    data.add_argument(
        "--fov-x-deg", type=float, default=0.0, metavar="DEG",
        help="perspective pictures: horizontal field of view",
    )  # fmt: skip
    data.add_argument(
        "--intrinsics", type=float, nargs=4, default=(), metavar=("FX", "FY", "CX", "CY"),
        help="or their camera in pixels",
    )  # fmt: skip
    data.add_argument(
        "--held-out", type=float, default=0.1, help="share that is only scored (default: 0.1)"
    )
    training = parser.add_argument_group("the training")
    training.add_argument("--steps", type=int, help="default: that of params.yaml, own_data")
    training.add_argument("--batch-size", type=int, help="panoramas in a step")
    training.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="of training")
    training.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="any value of the training, e.g. trainer.devices=2",
    )  # fmt: skip
    parser.add_argument("--samples", type=int, default=16, help="pairs to audit (default: 16)")
    parser.add_argument("--audit-only", action="store_true", help="audit the pairs and end")
    parser.add_argument("--despite-audit", action="store_true", help="train though a check failed")


def run(args: argparse.Namespace) -> int:
    """Audit, train, and score what was held out.

    Returns:
        0 done, 1 the audit failed (nothing was trained).

    Raises:
        CommandError: Bad usage or data.
    """
    _check(args)
    check_target(args.out)
    try:
        network = None if args.audit_only else _network(args.model)  # a slip is told at once
        pairs = _pairs(args)
        report = _audited(args, pairs)
        if report or network is None:
            return report
        return _trained(args, pairs, network)
    except (DataError, ParamsError, CheckpointError, ModelNotFoundError) as error:
        raise CommandError(str(error)) from error


def _check(args: argparse.Namespace) -> None:
    for name in ("images", "depth"):
        folder: Path = getattr(args, name)
        if not folder.is_dir():
            raise CommandError(f"{name.upper()} {folder} is no folder, expected one of files")
    if args.masks is not None and not args.masks.is_dir():
        raise CommandError(f"--masks {args.masks} is no folder, expected one of PNG files")
    for name in ("steps", "batch_size", "units", "samples"):
        number = getattr(args, name)
        if number is not None and not number > 0:
            option = name.replace("_", "-")
            raise CommandError(f"--{option} is {number}, expected more than 0")
    if args.size and not (args.size[0] >= LEAST_HEIGHT and args.size[1] == 2 * args.size[0]):
        height, width = args.size
        raise CommandError(
            f"--size is {height} {width}, expected a height from {LEAST_HEIGHT} on and a width of "
            "twice that, e.g. 128 256"
        )
    if not (args.audit_only or PARAMS_FILE.is_file()):
        raise CommandError(
            f"got no {PARAMS_FILE} in {Path.cwd()}, expected the root of a clone; change into it"
        )
    if args.fov_x_deg and args.intrinsics:
        raise CommandError("got --fov-x-deg and --intrinsics, expected one of them")
    wrong = [word for word in args.set if "=" not in word]
    if wrong:
        raise CommandError(f"--set: got {wrong[0]!r}, expected KEY=VALUE")


def _pairs(args: argparse.Namespace) -> Pairs:
    options = {name: getattr(args, name) for name in OPTIONS if getattr(args, name)}
    options["held_out"] = args.held_out
    options = {k: list(v) if isinstance(v, list | tuple) else v for k, v in options.items()}
    options["units_per_metre"] = args.units or 1.0
    state = STATE / SECTION / args.out.name
    return find_pairs(args.images, args.depth, args.masks, state, options)


def _audited(args: argparse.Namespace, pairs: Pairs) -> int:
    """Tell what was found, 1 if it must not be trained on."""
    if global_rank():
        return 0
    _tell(*describe_pairs(pairs))
    if has_integer_labels(pairs) and args.units is None:
        raise CommandError(
            "the depth maps are PNG, whose whole numbers say no unit; expected --units, e.g. "
            "--units 1000 for millimetres"
        )
    report = pairs.audit(args.samples)
    _tell(*report.lines()[1:])
    hint = units_hint(report, args.units or 1.0)
    if hint:
        _tell(hint)
    if report.ok or args.despite_audit:
        return 0
    _tell("the audit failed, nothing was trained (--despite-audit trains nevertheless)")
    return 1


def _network(model: str) -> DepthModel:
    network = pano_models.load(model)
    if network.spec is None:
        raise CommandError(f"{model} cannot be trained: its options are not known")
    return network


def _trained(args: argparse.Namespace, pairs: Pairs, network: DepthModel) -> int:
    # By its folder, so that the digest of its weights counts for the identity of the run.
    model = str(box_folder(args.model)) if args.model in box_names() else args.model
    size = tuple(args.size) if args.size else pano_models.working_size(network)
    maps = _maps(network, size)
    key = geometry_key(maps)
    over = values(network, model, maps, key, pairs, size, args.batch_size)
    held, protocol = over["data"].get("val"), PROTOCOLS[key][0]
    before = absrel_of_network(network, held["held_out"], size, protocol) if held else None
    words = [f"--{word}" for word in args.set]
    if args.steps is not None:  # the schedule follows
        words[:0] = [f"--trainer.{end}={args.steps}" for end in ("max_steps", "val_check_interval")]
    launch("own_data", SECTION, ["fit", *words], over, args.out)
    if global_rank():
        return 0
    _tell(f"{args.out} holds the model ({UNITS[key]}): panodepth predict PATH --model {args.out}")
    if held and before is not None:
        after = absrel_of_network(pano_models.load(args.out), held["held_out"], size, protocol)
        constant = absrel_of_network(None, held["held_out"], size, "da2_paper")
        _tell(
            f"held out ({pairs.counts['held_out']}), AbsRel under {protocol}: {before:.3f} before, "
            f"{after:.3f} after; one distance everywhere, scaled to each: {constant:.3f}"
        )
    return 0


@torch.no_grad()
def _maps(network: DepthModel, size: tuple[int, int]) -> Maps:
    network.tells_other_size = False  # it is about to be trained at this size
    maps: Maps = network(torch.zeros(1, 3, *size))
    return maps


def _tell(*told: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in told))
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the console script `panodepth-train`; exit codes as those of `panodepth`."""
    parser = argparse.ArgumentParser(PROGRAM, description=__doc__)
    add_arguments(parser)
    args: Any = parser.parse_args(argv)
    try:
        return run(args)
    except CommandError as error:
        sys.stderr.write(f"{PROGRAM}: {one_line(error)}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"{PROGRAM}: interrupted\n")
        return 130


def check_target(out: Path) -> None:
    """Refuse a folder that holds something, or belongs to the pipeline.

    Args:
        out: The folder.

    Raises:
        CommandError: In a line.
    """
    if out.exists():
        held = "a finished model" if (out / "model.safetensors").is_file() else "something"
        raise CommandError(f"{out} holds {held} already; name another --out")
    made = _made_by_dvc(out.resolve())
    if made is not None:
        raise CommandError(
            f"{out}: the pipeline makes {made} (dvc.yaml), and would replace it; name another --out"
        )


def _made_by_dvc(out: Path) -> Path | None:
    """Return the output of the pipeline that `out` is, holds, or lies in."""
    try:
        with Repo(str(_existing(out))) as repo:
            places = [Path(o.fs_path).resolve() for o in repo.index.outs if o.protocol == "local"]
    except (NotDvcRepoError, DvcException):
        return None
    overlaps = (p for p in places if p == out or p in out.parents or out in p.parents)
    return next(overlaps, None)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())
