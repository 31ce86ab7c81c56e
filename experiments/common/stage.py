"""Stages that are plain functions: no trainer, no tracker, so they start in seconds."""

import logging
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jsonargparse import auto_cli

from experiments.common import params

EXIT_USAGE = 2


def stage_main(
    function: Callable[..., Any], section: str, argv: Sequence[str] | None = None
) -> None:
    """Runs a stage that is a plain function: its signature is the schema of its section."""
    quiet_libraries()
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        text = params.section_text(section)
    except params.ParamsError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(EXIT_USAGE)
    auto_cli(function, args=["--config", text, *arguments], as_positional=False)


def quiet_libraries() -> None:
    """Silences tips and warnings that no user of a stage can act on."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*is an instance of `nn.Module` and is already saved.*")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*Checkpoint directory .* exists and is not empty.*")
    warnings.filterwarnings("ignore", ".*in eval mode at the start of training.*")  # teachers
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
    torch.set_float32_matmul_precision("high")
