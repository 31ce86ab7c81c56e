"""The commands that the experiments add to `panodepth` (entry points `panodepth.commands`)."""

from panodepth.cli import Subcommand

EVALUATE = Subcommand(
    "experiments.benchmark.evaluate_command",
    "one model, one data set, one protocol -> metrics.json",
)
PLAUSIBILITY = Subcommand(
    "experiments.benchmark.real_pictures.command",
    "panoramas without truth -> is the floor flat and level, the wall a plane, the seam closed?",
)
SYNC = Subcommand(
    "experiments.tracking.sync_command",
    "deliver what runs logged while the MLflow server was away",
)
TRAIN = Subcommand(
    "experiments.own_data.command",
    "pictures and depth maps of your own -> a fine-tuned network",
)
VERIFY = Subcommand(
    "experiments.pipeline.verify",
    "re-hash every tracked artefact, name each file that differs",
)
