"""Stages that are plain functions: no trainer, no tracker, so they start in seconds."""

import errno
import logging
import sys
import warnings
from argparse import ArgumentError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch
from jsonargparse import ArgumentParser, Namespace, auto_cli

from experiments.pipeline import config_errors, params
from experiments.pipeline.processes import WorldError, global_rank
from pano_data import DataError
from pano_data.io.atomic import FULL

EXIT_FAILED = 1
EXIT_USAGE = 2
ENVIRONMENT = (*FULL, errno.EROFS, errno.EACCES, errno.EPERM)
"""What the machine refuses, and a user can do something about; not a fault of the values given."""
BAD_INPUT = (params.ParamsError, WorldError, DataError)
"""What a user can do something about; any other exception is a bug, and keeps its traceback."""


@contextmanager
def report_bad_input(section: str, *more: type[Exception]) -> Iterator[None]:
    """End the process with one line and exit code 2 on bad input, 1 on a full or closed disk.

    Every rank says its own: a damaged file is met by the one that reads it.

    Args:
        section: Section of params.yaml that is named in the line.
        more: Exceptions that are bad input too, beside `BAD_INPUT`.
    """
    try:
        yield
    except Exception as error:
        rank = f", rank {global_rank()}" if global_rank() else ""
        if isinstance(error, OSError) and error.errno in ENVIRONMENT:
            told = f"{error.strerror}: {error.filename}" if error.filename else str(error)
            sys.stderr.write(f"section {section}{rank}: {told}\n")
            sys.exit(EXIT_FAILED)
        bad: tuple[type[Exception], ...] = (*BAD_INPUT, *more)
        # What a constructor raises reaches us as the cause of an error of jsonargparse.
        reason: object = error if isinstance(error, bad) else error.__cause__
        if not isinstance(reason, bad):
            if not isinstance(error, ArgumentError):
                raise
            reason = config_errors.one_line(str(error))
        sys.stderr.write(f"error in section {section}{rank}: {reason}\n")
        sys.exit(EXIT_USAGE)


def run_stage(
    function: Callable[..., Any],
    section: str,
    argv: Sequence[str] | None = None,
    *more: type[Exception],
) -> None:
    """Run a stage that is a plain function: its signature is the schema of its section.

    Args:
        function: The stage.
        section: Of params.yaml.
        argv: Words of the command line, which win over the section.
        more: Exceptions of this stage that are bad input, see `report_bad_input`.
    """
    quiet_libraries()
    arguments = list(sys.argv[1:] if argv is None else argv)
    with report_bad_input(section, *more):
        written = params.section(section)

        class SectionParser(ArgumentParser):
            """Takes no key of the section for granted that nothing was made of."""

            def parse_args(self, *args: Any, **kwargs: Any) -> Namespace:  # type: ignore[override]
                """Parse, and refuse unknown keys without content."""
                parsed = super().parse_args(*args, **kwargs)
                config_errors.check_empty_keys(written, parsed.as_dict())
                return parsed

        words = ["--config", params.section_text(section), *arguments]
        begun = False

        @wraps(function)
        def begin(*values: Any, **named: Any) -> Any:
            nonlocal begun
            begun = True
            return function(*values, **named)

        try:
            auto_cli(
                begin, args=words, as_positional=False, exit_on_error=False,
                parser_class=SectionParser,
            )  # fmt: skip
        except (ValueError, TypeError, OSError) as error:
            known = (*BAD_INPUT, *more)
            if begun or isinstance(error, known) or isinstance(error.__cause__, known):
                raise
            if isinstance(error, OSError) and error.errno in ENVIRONMENT:
                raise
            # the constructor of a value refuses its arguments
            raise params.ParamsError(config_errors.raised_by(error)) from error


def quiet_libraries() -> None:
    """Silence tips and warnings that no user of a stage can act on."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    # "Creating initial MLflow database tables": the first run of a clone makes its store.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Curves of a training of few batches have fewer points: nothing is lost.
    warnings.filterwarnings("ignore", ".*is smaller than the logging interval.*")
    warnings.filterwarnings("ignore", ".*is an instance of `nn.Module` and is already saved.*")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training.*")  # teachers
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
    torch.set_float32_matmul_precision("high")
