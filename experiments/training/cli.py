"""`python -m experiments.<paper> fit|validate|test|predict [--section NAME] [--key value]`.

`validate` and `test` score the published network (or `--ckpt_path`) on the sets of `data.val` and
`data.test`; `predict` writes the maps of `data.predict` to `out/predictions/<section>`.

params.yaml is a LightningCLI configuration in pieces: `common`, then the section of the stage, then
the command line, each over the one before. Signatures are the schema; a typo names its key before
any work.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities.exceptions import SIGTERMException

from experiments.pipeline.stage import EXIT_FAILED, quiet_libraries, report_bad_input
from experiments.training.divergence import TrainingDivergedError
from experiments.training.params_cli import BAD_INPUT, ParamsCLI

EXIT_PREEMPTED = 143  # SIGTERM; Lightning itself would report success


def main(paper: str, argv: Sequence[str] | None = None) -> None:
    """Run `python -m experiments.<paper>`; `--section` defaults to the paper's own.

    Exit codes: 0 done, 1 training failed, 2 wrong arguments or values, 143 pre-empted (resumable).
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--section", default=paper)
    own, arguments = parser.parse_known_args(argv)
    launch(paper, own.section, arguments)


def launch(
    paper: str,
    section: str,
    arguments: Sequence[str],
    over: Mapping[str, Any] | None = None,
    target: Path | None = None,
) -> None:
    """Run a subcommand of `ParamsCLI`, which has these arguments; exit codes: see `main`."""
    quiet_libraries()
    try:
        with report_bad_input(section, *BAD_INPUT):
            ParamsCLI(paper, section, arguments, over, target)
    except TrainingDivergedError as error:
        sys.stderr.write(f"section {section}: {error}\n")
        sys.exit(EXIT_FAILED)
    except SIGTERMException:
        sys.exit(EXIT_PREEMPTED)
