"""`python -m experiments.<paper> fit|validate|test|predict [--section NAME] [--key value]`.

params.yaml is a LightningCLI configuration in pieces: `common`, then the section of the stage, then the
command line, each over the one before. Signatures are the schema; a typo names its key before any work.
"""

import hashlib
import json
import logging
import shutil
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from jsonargparse import auto_cli
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities.exceptions import SIGTERMException

from experiments.common import params
from experiments.common.callbacks import LossLog, Panels, RunStatus, SampleLog, Throughput
from experiments.common.checkpoints import (
    DurableCheckpointIO,
    NonFiniteGuard,
    ResumableCheckpoint,
    StepSeed,
)
from experiments.common.environment import global_rank, set_threads
from experiments.common.run_folder import (
    FINISHED,
    IDENTITY,
    STATE,
    RunFolderError,
    changed_since,
    identity,
    locked,
    publish,
    run_key,
    training_code,
    write_yaml,
)
from experiments.common.task import DepthTask
from experiments.common.tracking import RunLogger
from pano_data.datamodule import ErpDataModule
from pano_models.model import DepthModel, ModelSpec
from pano_models.registry import name_of

EXIT_USAGE = 2
EXIT_PREEMPTED = 143  # SIGTERM; Lightning itself would report success


class ParamsCLI(LightningCLI):
    """LightningCLI over sections of params.yaml, with resumable state and a published result.

    Args:
        paper: Folder of the experiment: its code counts for the identity of a run.
        section: Section of params.yaml; also the name of the finished model under `runs/`.
        argv: Arguments after the program's name.
    """

    def __init__(self, paper: str, section: str, argv: Sequence[str]) -> None:
        self.paper = paper
        self.section = section
        self.tracker: RunLogger | None = None
        self.state: Path = STATE / section
        self._held = ExitStack()
        super().__init__(
            DepthTask,
            ErpDataModule,
            trainer_class=Trainer,
            subclass_mode_model=True,
            save_config_callback=None,
            seed_everything_default=0,
            args=list(argv),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Arguments of a run that belong to no class."""
        parser.add_argument("--threads", type=int, default=2, help="CPU threads; fixes the digits")
        parser.add_argument(
            "--checkpoint_every", type=int, default=100, help="steps between checkpoints"
        )
        parser.add_argument("--panels", type=int, default=2, help="pictures a validation set")
        parser.add_argument(
            "--patience", type=int, default=10, help="non-finite steps before stopping"
        )
        parser.add_argument(
            "--log_samples", type=bool, default=False, help="note the keys of every batch"
        )
        parser.add_argument("--run_name", type=str | None, default=None, help="legend in MLflow")
        parser.add_argument(
            "--tags", type=dict[str, str], default={}, help="tags of the MLflow run"
        )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Puts the sections of params.yaml before the command line."""
        argv = list(args or [])
        if argv and not argv[0].startswith("-"):
            texts = [params.section_text("common"), params.section_text(self.section)]
            argv[1:1] = [part for text in texts for part in ("--config", text)]
        self.config = parser.parse_args(argv)

    def before_instantiate_classes(self) -> None:
        """Finds the run's state: training goes on from its last checkpoint if there is one."""
        config = self.config[self.subcommand]
        set_threads(config.threads)
        self.resolved = json.loads(self.parser.dump(self.config, skip_none=False, format="json"))[
            self.subcommand
        ]
        if self.subcommand != "fit":
            return
        self.digests = data_digests(self.resolved["data"])
        code = training_code(self.paper)
        key = run_key(self.resolved, self.digests, code)
        self.state = STATE / self.section / key
        last = self.state / "last.ckpt"
        if global_rank() == 0:
            self._held.enter_context(locked(self.state))
            own = identity(self.resolved, self.digests, code)
            if not last.is_file():
                _say_what_changed(self.state, own)
            (self.state / IDENTITY).write_text(json.dumps(own))
        if config.ckpt_path is None and last.is_file():
            config.ckpt_path = str(last)

    def instantiate_classes(self) -> None:
        """Builds everything; the network learns how to be built again, for its own folder."""
        super().instantiate_classes()
        if not isinstance(self.model.net, DepthModel):
            return
        options = self.resolved["model"]["init_args"]["net"].get("init_args") or {}
        self.model.net.spec = ModelSpec(name_of(type(self.model.net)), options)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Adds what every run has: checkpoints, loss log, pictures, guard, tracking."""
        if self.subcommand == "fit":
            config = self.config[self.subcommand]
            self.trainer_defaults = {"callbacks": self._callbacks(config)}
            self.tracker = RunLogger(
                self.state / "tracking",
                experiment=self.paper,
                run_name=config.run_name or self.section,
                tags={
                    "paper": self.paper,
                    "section": self.section,
                    "run.key": self.state.name,
                    **config.tags,
                },
            )
            kwargs["logger"] = self.tracker
        else:
            kwargs["logger"] = False
        return super().instantiate_trainer(
            plugins=[DurableCheckpointIO()], use_distributed_sampler=False, **kwargs
        )

    def _callbacks(self, config: Any) -> list[Callback]:
        state = str(self.state.resolve())
        return [
            ResumableCheckpoint(state, config.checkpoint_every, self.digests),
            StepSeed(int(self.resolved["seed_everything"] or 0)),
            NonFiniteGuard(config.patience),
            LossLog(f"{state}/loss.jsonl"),
            *([SampleLog(state)] if config.log_samples else []),
            Panels(config.panels),
            Throughput(),
            RunStatus(),
        ]

    def before_fit(self) -> None:
        """Ten to fifteen telling parameters for the comparison; the whole configuration as a file."""
        assert self.tracker is not None
        if not self.trainer.is_global_zero:
            return
        write_yaml(self.state / "config.yaml", self.resolved)
        self.tracker.log_hyperparams(curated(self.resolved, self.model.parameter_count()))
        self.tracker.log_artifact(self.state / "config.yaml")

    def after_fit(self) -> None:
        """Publishes `runs/<section>` and ends the run."""
        if self.trainer.global_step < 1:
            raise RuntimeError(
                "training ended without a single step; look at max_steps and the data"
            )
        part = FINISHED / f".{self.section}.{self.state.name}.part"
        checkpoint = part / "checkpoints" / "final.ckpt"
        if self.trainer.is_global_zero:
            shutil.rmtree(part, ignore_errors=True)
            self.model.publish(part)
            shutil.copy(self.state / "loss.jsonl", part / "loss.jsonl")
            write_yaml(part / "config.yaml", self.resolved)
            (part / "run_key").write_text(self.state.name + "\n")
        self.trainer.save_checkpoint(checkpoint, weights_only=True)
        if not self.trainer.is_global_zero:
            return
        target = FINISHED / self.section
        publish(part, target)
        assert self.tracker is not None
        self.tracker.log_artifact(target, "model")
        left = self.tracker.close()
        if left:
            logging.getLogger(__name__).warning(
                "%d tracking records wait in %s; `panodepth sync` delivers them", left, self.state
            )


def _say_what_changed(state: Path, own: Mapping[str, Any]) -> None:
    found = changed_since(state, own)
    if found is not None:
        other, names = found
        logging.getLogger(__name__).warning(
            "training starts afresh in %s: %s cannot be resumed, it differs in %s",
            state, other, ", ".join(names[:8]),
        )  # fmt: skip


def data_digests(data: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of every manifest and shard index that a resolved data section names: `{path: digest}`."""
    paths = sorted(set(_named(data)))
    return {p: hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in paths if Path(p).is_file()}


def _named(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        own = [node["manifest"]] if isinstance(node.get("manifest"), str) else []
        own += [f"{node['shards']}/index.json"] if isinstance(node.get("shards"), str) else []
        return own + [p for value in node.values() for p in _named(value)]
    if isinstance(node, list):
        return [p for value in node for p in _named(value)]
    return []


def curated(resolved: Mapping[str, Any], parameters: int) -> dict[str, Any]:
    """The parameters worth a column when runs are compared."""
    model, data, trainer = resolved["model"]["init_args"], resolved["data"], resolved["trainer"]
    terms = model["loss"].get("init_args", {}).get("terms", {})
    return {
        "network": model["net"]["class_path"].rsplit(".", 1)[-1],
        "parameters": parameters,
        "lr": model["optimizer"].get("init_args", {}).get("lr"),
        "batch_size": data["batch_size"],
        "size": "x".join(str(v) for v in data["size"]),
        "max_steps": trainer["max_steps"],
        "precision": trainer["precision"],
        "seed": resolved["seed_everything"],
        **{f"weight.{k}": v.get("init_args", {}).get("weight") for k, v in terms.items()},
    }


def main(paper: str, argv: Sequence[str] | None = None) -> None:
    """Entry point of `python -m experiments.<paper>`; `--section` defaults to the paper's own.

    Exit codes: 0 done, 1 training failed, 2 wrong arguments or values, 143 pre-empted (resumable).
    """
    quiet_libraries()
    arguments = list(sys.argv[1:] if argv is None else argv)
    section = paper
    if "--section" in arguments:
        at = arguments.index("--section")
        section = arguments[at + 1]
        del arguments[at : at + 2]
    try:
        ParamsCLI(paper, section, arguments)
    except (params.ParamsError, RunFolderError) as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(EXIT_USAGE)
    except SIGTERMException:
        sys.exit(EXIT_PREEMPTED)


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
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
    torch.set_float32_matmul_precision("high")
