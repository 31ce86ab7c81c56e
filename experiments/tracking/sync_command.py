"""`panodepth sync`: deliver what runs logged while the MLflow server was away.

Apart from `tracker`, so that no training depends on the command line.
"""

import argparse
from pathlib import Path

from experiments.pipeline.run_folder import STATE
from experiments.tracking.tracker import sync, tracking_uri
from panodepth.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth sync`."""
    parser.add_argument("--runs", type=Path, default=STATE, help="folder of the runs' state")


def run(arguments: argparse.Namespace) -> int:
    """Deliver the records kept while the server was away; return 1 if some are left.

    Raises:
        CommandError: There is no such folder.
    """
    import rich

    if not arguments.runs.is_dir() and arguments.runs != STATE:
        raise CommandError(
            f"--runs {arguments.runs} is no folder, expected that of the runs' state ({STATE} of a "
            "clone)"
        )
    done = sync(arguments.runs)
    for folder, result in done.items():
        rich.print(f"{folder}: {result}" + (" records" if isinstance(result, int) else ""))
    if not done:
        rich.print(f"nothing left to deliver below {arguments.runs} to {tracking_uri()}")
    return int(any(isinstance(result, str) for result in done.values()))
