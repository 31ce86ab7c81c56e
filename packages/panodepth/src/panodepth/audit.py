"""`panodepth audit`.

Opens real files of a data set and says whether they are what the readers expect.
"""

import argparse
import sys
from pathlib import Path

from pano_data import DataError, write_json
from pano_data.audit import audit
from panodepth.errors import CommandError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `panodepth audit`."""
    parser.add_argument("dataset", metavar="DATASET", help="data set id, for example structured3d")
    parser.add_argument("root", type=Path, metavar="ROOT", help="folder of the data set")
    parser.add_argument("--split", nargs="+", help="splits to examine (default: all)")
    parser.add_argument("--samples", type=int, default=16, help="samples to open (default: 16)")
    parser.add_argument("--seed", type=int, default=0, help="chooses the samples (default: 0)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report as JSON, too")


def run(args: argparse.Namespace) -> int:
    """Run `panodepth audit`.

    Returns:
        0 when no check failed, 1 when one did.

    Raises:
        CommandError: Unknown data set, or nothing of it under the folder.
    """
    if args.samples < 1:
        raise CommandError(f"--samples is {args.samples}, expected at least 1")
    try:
        report = audit(args.dataset, args.root, args.split, args.samples, args.seed, progress=True)
    except DataError as error:
        raise CommandError(str(error)) from error
    sys.stdout.write("\n".join(report.lines()) + "\n")
    if args.out:
        write_json(args.out, report.as_dict(), indent=2, sort_keys=False)
    return 0 if report.ok else 1
