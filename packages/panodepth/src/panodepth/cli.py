"""The console script `panodepth`: one subcommand a module, imported only when it is called.

A subcommand module offers `add_arguments(parser)` and `run(args) -> int`. Exit codes are the same for
all of them: 0 all is well, 1 the command ran and found differences or failures in what it checked,
2 bad usage or bad input, 130 interrupted.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import NamedTuple, Protocol, cast

from panodepth.errors import CommandError

INTERRUPTED = 130


class Subcommand(NamedTuple):
    """Where a subcommand lives and the line that `panodepth --help` prints for it."""

    module: str
    help: str


class CommandModule(Protocol):
    """What a subcommand module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declares the command's options."""

    def run(self, args: argparse.Namespace) -> int:
        """Runs the command; returns the exit code."""


GROUP = "panodepth.commands"
"""Entry points of other packages that add a command: its name -> a `Subcommand`."""

OWN = {
    "predict": Subcommand(
        "panodepth.predict.command", "panoramas -> distance maps, previews, point clouds, meshes"
    ),
    "reconstruct": Subcommand(
        "panodepth.reconstruct.command",
        "several panoramas of one place -> one point cloud, mesh and collision mesh",
    ),
    "audit": Subcommand(
        "panodepth.audit", "open real files of a data set, check what the readers rely on"
    ),
    "view": Subcommand(
        "panodepth.view.command",
        "look at predictions in the browser, or drop panoramas on a model",
    ),
}


def subcommands() -> dict[str, Subcommand]:
    """Return all commands by name: ours, then those that installed packages add."""
    added = {point.name: point.load() for point in entry_points(group=GROUP)}
    return OWN | {name: added[name] for name in sorted(added) if name not in OWN}


def _usage(available: Mapping[str, Subcommand]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="panodepth",
        description="Depth from 360° panoramas.",
        epilog="Options of a command: panodepth COMMAND --help",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, command in available.items():
        commands.add_parser(name, help=command.help)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand.

    Args:
        argv: Arguments without the program name; those of the process by default.

    Returns:
        The exit code.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    available = subcommands()
    if not words or words[0] not in available:
        _usage(available).parse_args(words)  # prints help or the error, and exits
    command = available[words[0]]
    module = cast(CommandModule, importlib.import_module(command.module))
    parser = argparse.ArgumentParser(prog=f"panodepth {words[0]}", description=command.help)
    module.add_arguments(parser)
    args = parser.parse_args(words[1:])
    try:
        return module.run(args)
    except CommandError as error:
        sys.stderr.write(f"panodepth {words[0]}: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write(f"panodepth {words[0]}: interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
