"""The console script `panodepth`: each subcommand is a module, imported only when it is called.

A subcommand module offers `add_arguments(parser)` and `run(args) -> int`. All commands share their
exit codes: 0 success, 1 the command ran and a check failed, 2 bad usage or bad input, 130
interrupted. `panodepth photo.jpg` means `panodepth predict photo.jpg`. Other packages add commands
by entry points of the group `panodepth.commands`, each of which names a `Subcommand`.
"""

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import NamedTuple, NoReturn, Protocol, cast

from pano_data.io.paths import is_file, is_folder
from panodepth import __version__
from panodepth.errors import CommandError, one_line, printable

INTERRUPTED = 130


class Subcommand(NamedTuple):
    """Where a subcommand lives and the line that `panodepth --help` prints for it."""

    module: str
    help: str


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line, whatever is in the words it was given."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and the complaint, and exit."""
        super().error(printable(message))


class CommandModule(Protocol):
    """What a subcommand module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options of the command."""

    def run(self, args: argparse.Namespace) -> int:
        """Run the command and return its exit code."""


DEFAULT_COMMAND = "predict"
GROUP = "panodepth.commands"
"""Entry points by which other packages add a command: its name -> a `Subcommand`."""

ELSEWHERE = frozenset({"evaluate", "plausibility", "sync", "train", "verify"})
"""Commands that the documentation names and `panodepth-experiments` brings."""

OWN = {
    "predict": Subcommand(
        "panodepth.inference.command", "panoramas -> distance maps, previews, point clouds, meshes"
    ),
    "video": Subcommand(
        "panodepth.video.command", "a panoramic video -> videos of distances at one scale"
    ),
    "reconstruct": Subcommand(
        "panodepth.reconstruct.command",
        "several panoramas of one place -> one point cloud, mesh and collision mesh",
    ),
    "views": Subcommand(
        "panodepth.views.command",
        "predictions -> cube faces or views with depth and cameras (COLMAP, nerfstudio, 3DGS)",
    ),
    "export": Subcommand(
        "panodepth.exporting.command", "a network -> one ONNX or torch.export file, checked"
    ),
    "models": Subcommand(
        "panodepth.models", "all models by name: size, licence, digest, whether they are here"
    ),
    "audit": Subcommand(
        "panodepth.audit", "open real files of a data set, check what the readers rely on"
    ),
    "view": Subcommand(
        "panodepth.viewer.command",
        "look at predictions in the browser, or drop panoramas on a model",
    ),
}


def subcommands() -> dict[str, Subcommand]:
    """Return all commands by name: ours, then those that installed packages add.

    An entry point that cannot be loaded, or whose name is taken, is left out with one line on
    stderr: it must not break the other commands.
    """
    commands = dict(OWN)
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.name in commands:
            _warn(point, f"the name is taken by {commands[point.name].module}")
            continue
        try:
            command = point.load()
        except Exception as error:  # noqa: BLE001 - code of other packages may raise anything
            _warn(point, f"cannot be loaded ({type(error).__name__}: {error})")
            continue
        if isinstance(command, Subcommand):
            commands[point.name] = command
        else:
            _warn(point, f"got {type(command).__name__}, expected a panodepth.cli.Subcommand")
    return commands


def _warn(point: EntryPoint, reason: str) -> None:
    line = " ".join(reason.split())
    sys.stderr.write(f"panodepth: command {point.name!r} of {point.value} is left out: {line}\n")


def _usage(available: Mapping[str, Subcommand]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="panodepth",
        description="Depth from 360° panoramas.",
        epilog="panodepth PHOTO... is panodepth predict PHOTO...; "
        "options of a command: panodepth COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=f"panodepth {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in available.items():
        commands.add_parser(name, help=command.help)
    return parser


def _tell_usage(words: Sequence[str], available: Mapping[str, Subcommand]) -> NoReturn:
    """Print help or what is wrong with the first word, and exit."""
    parser = _usage(available)
    if words and not words[0].startswith("-"):
        from pano_geometry.spelling import ask_meant  # imports torch: not for every --help

        parser.error(
            f"no command {words[0]!r}{ask_meant(words[0], available)}, expected one of "
            f"{', '.join(available)}, or a picture"
        )
    parser.parse_args(words)
    raise AssertionError(f"{words} were taken for a command")


def _is_empty(word: str) -> bool:
    """Whether a name is empty: `Path("")` is the folder one stands in, with all its pictures."""
    return not word or (word.startswith("--") and word.endswith("="))


def _is_picture_or_option(word: str) -> bool:
    """Whether a first word that names no command is meant for `predict`."""
    if word.startswith("-"):
        return word not in ("-h", "--help", "--version")
    return "/" in word or "." in word or is_file(word) or is_folder(word)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Args:
        argv: Arguments without the program name; those of the process by default.

    Returns:
        The exit code.
    """
    # OpenCV reads it once, when it is loaded: a damaged file is told by the command.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    words = list(sys.argv[1:] if argv is None else argv)
    available = subcommands()
    if words and words[0] not in available and _is_picture_or_option(words[0]):
        words.insert(0, DEFAULT_COMMAND)
    if words and words[0] in ELSEWHERE - available.keys():
        sys.stderr.write(
            f"panodepth {words[0]} comes with the experiments: `make test` in a clone of the "
            "repository installs them\n"
        )
        return 2
    if any(_is_empty(word) for word in words):
        sys.stderr.write(
            "panodepth: got an empty name among the arguments, expected one with letters: is a "
            "variable of the shell empty?\n"
        )
        return 2
    if not words or words[0] not in available:
        _tell_usage(words, available)
    command = available[words[0]]
    module = cast(CommandModule, importlib.import_module(command.module))
    parser = Parser(prog=f"panodepth {words[0]}", description=command.help)
    module.add_arguments(parser)
    args = parser.parse_args(words[1:])
    # Pillow warns of every odd tag of a picture; what matters is told by the command.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    try:
        return module.run(args)
    except CommandError as error:
        sys.stderr.write(f"panodepth {words[0]}: {one_line(error)}\n")
        return 2
    except BrokenPipeError:
        # `panodepth models | head`: nobody reads on; Python must not flush into the pipe at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # What no command has a better word for: a folder where a file should be, a lost disk.
        where = f"{error.filename}: " if error.filename else ""
        text = printable(f"{where}{error.strerror or error}")
        sys.stderr.write(f"panodepth {words[0]}: cannot be read or written: {text}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"panodepth {words[0]}: interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    # As `__main__` this module is a second copy: the `Subcommand` of other packages is not its own.
    from panodepth.cli import main as imported_main

    sys.exit(imported_main())
