"""`python -m experiments.pipeline.quick_dvc ...` is `dvc ...` that writes its lock file faster.

`scripts/repro.sh` uses it. Results are those of `dvc`, the bytes of `dvc.lock` too (a test compares
them); what differs is described in `lock_file`.
"""

import sys

from dvc import dvcfile
from dvc.cli import main

from experiments.pipeline.lock_file import modify_lock


def run(arguments: list[str]) -> int:
    """Run DVC with the arguments of a command line; return its exit status."""
    dvcfile.modify_yaml = modify_lock
    status: int = main(arguments)
    return status


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
