"""The commands that the experiments add to `panodepth` (entry points `panodepth.commands`)."""

from panodepth.cli import Subcommand

EVALUATE = Subcommand(
    "experiments.benchmark.evaluate.command",
    "one model, one data set, one protocol -> metrics.json",
)
SYNC = Subcommand(
    "experiments.tracking.tracker",
    "deliver what runs logged while the MLflow server was away",
)
VERIFY = Subcommand(
    "experiments.pipeline.verify",
    "re-hash every tracked artefact, name each file that differs",
)
