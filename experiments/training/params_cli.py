"""`ParamsCLI`: LightningCLI over sections of params.yaml, from the run's state to its model."""

import json
import logging
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from experiments.pipeline import config_errors, held_out, params
from experiments.pipeline.closure.values import training_code
from experiments.pipeline.data_files import check_data_files
from experiments.pipeline.processes import accumulation, checked_world, global_rank, set_threads
from experiments.pipeline.run_folder import (
    FINISHED,
    IDENTITY,
    STATE,
    RunFolderError,
    identity,
    locked,
    mark_finished,
    publish,
    run_key,
    warn_of_fresh_start,
    write_yaml,
)
from experiments.tracking.run_facts import curated, input_digests, run_tags
from experiments.tracking.shares import FILE as SHARES
from experiments.tracking.tracker import RunLogger
from experiments.training.callbacks import (
    LossLog,
    Panels,
    RunStatus,
    SampleLog,
    SystemMetrics,
    Throughput,
)
from experiments.training.checkpoints import DurableCheckpointIO, ResumableCheckpoint, StepSeed
from experiments.training.divergence import (
    GateError,
    NonFiniteGuard,
    TrainingDivergedError,
    check_finite,
)
from experiments.training.progress import progress_callback
from experiments.training.schedule import follow_max_steps
from experiments.training.sharding import gather
from experiments.training.shares import LossShares
from experiments.training.subcommands import (
    PUBLISHED,
    MapWriter,
    add_run_arguments,
    complete_config,
)
from experiments.training.task import DepthTask
from experiments.training.validation_scores import monitored_score
from pano_data import ErpDataModule, write_text
from pano_losses import UnknownProtocolError
from pano_models import CheckpointError, DepthModel, ModelNotFoundError, ModelSpec, name_of

PREDICTIONS = Path("out/predictions")
BAD_INPUT = RunFolderError, CheckpointError, ModelNotFoundError, UnknownProtocolError, GateError
"""What a user can do something about, beside what any stage may meet."""


class ParamsCLI(LightningCLI):
    """LightningCLI over sections of params.yaml, with resumable state and a published result.

    Args:
        paper: Folder of the experiment: its code counts for the identity of a run.
        section: Section of params.yaml; also the name of the finished model under `runs/`.
        argv: Arguments after the program's name.
        over: Values that stand over those of the section, and under those of `argv`.
        target: Folder of the finished model, if it is another; one that is there is not replaced.
    """

    def __init__(
        self,
        paper: str,
        section: str,
        argv: Sequence[str],
        over: Mapping[str, Any] | None = None,
        target: Path | None = None,
    ) -> None:
        self.paper = paper
        self.section = section
        self.over = over or {}
        self.target = target or FINISHED / section
        self.replaces = target is None
        self.tracker: RunLogger | None = None
        self.states = STATE / section if target is None else STATE / section / target.name
        self.state = self.states
        self.guard = NonFiniteGuard()
        self._held = ExitStack()
        super().__init__(
            DepthTask,
            ErpDataModule,
            trainer_class=Trainer,
            subclass_mode_model=True,
            save_config_callback=None,
            seed_everything_default=0,
            args=list(argv),
            parser_kwargs={"exit_on_error": False},  # an error is told in a line, without the usage
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the arguments of a run that belong to no class."""
        add_run_arguments(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Put the sections of params.yaml before the command line."""
        argv = list(args or [])
        if argv and not argv[0].startswith("-"):
            texts = [yaml.safe_dump(values, sort_keys=False) for values in self._layers()]
            argv[1:1] = [part for text in texts for part in ("--config", text)]
        self.config = parser.parse_args(argv)

    def _layers(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return what stands under the command line, each over the one before."""
        own = params.merged(params.section(self.section), self.over)
        return params.section("common"), own

    def _parse_ckpt_path(self) -> None:
        """Keep what was asked for: Lightning would build what the checkpoint was made with."""

    def before_instantiate_classes(self) -> None:
        """Find the run's state: training resumes from its last checkpoint if there is one."""
        config = self.config[self.subcommand]
        set_threads(config.threads)
        if self.subcommand == "fit":
            follow_max_steps(config, params.merged(*self._layers()))
            world = checked_world(config.trainer.devices, config.trainer.num_nodes)
            if config.global_batch is not None:
                config.trainer.accumulate_grad_batches = accumulation(
                    config.global_batch, config.data.batch_size, world
                )
        else:
            complete_config(str(self.subcommand), self.section, config)
        self.resolved = json.loads(self.parser.dump(self.config, skip_none=False, format="json"))[
            self.subcommand
        ]
        for values in self._layers():
            config_errors.check_empty_keys(values, self.resolved)
        if self.subcommand != "fit":
            return
        config_errors.check_manifests(self.resolved["data"])
        held_out.check_training(self.resolved)
        self.digests = input_digests(self.resolved)
        code = training_code(self.paper, self.resolved)
        key = run_key(self.resolved, self.digests, code)
        self.state = self.states / key
        last = self.state / "last.ckpt"
        if global_rank() == 0:
            self._held.enter_context(locked(self.state))
            own = identity(self.resolved, self.digests, code)
            if not last.is_file():
                warn_of_fresh_start(self.state, own)
            write_text(self.state / IDENTITY, json.dumps(own))
            check_data_files(self.state, self.resolved["data"])
        if config.ckpt_path is None and last.is_file():
            config.ckpt_path = str(last)

    def instantiate_classes(self) -> None:
        """Build everything; the network learns how to be built again, for its own folder."""
        try:
            super().instantiate_classes()
        except (ValueError, TypeError) as error:  # a constructor refuses its arguments
            if isinstance(error, BAD_INPUT) or isinstance(error.__cause__, BAD_INPUT):
                raise
            raise params.ParamsError(config_errors.raised_by(error)) from error
        if not isinstance(self.model.net, DepthModel):
            return
        options = self.resolved["model"]["init_args"]["net"].get("init_args") or {}
        self.model.net.spec = ModelSpec(name_of(type(self.model.net)), options)

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add what every run has: checkpoints, loss log, pictures, guard, tracking."""
        if self.subcommand == "fit":
            config = self.config[self.subcommand]
            self.trainer_defaults = {"callbacks": self._callbacks(config)}
            self.tracker = RunLogger(
                self.state / "tracking",
                experiment=os.environ.get("MLFLOW_EXPERIMENT_NAME") or self.paper,
                run_name=f"{config.run_name or self.target.name} {self.state.name[:4]}",
                tags=run_tags(self.paper, self.section, self.state.name, self.resolved),
                data=self.digests,
            )
            kwargs["logger"] = self.tracker
        else:
            kwargs["logger"] = False
            predicting = self.subcommand == "predict"
            writers = [MapWriter(PREDICTIONS / self.section)] if predicting else []
            shown = self._progress(self.config[self.subcommand])
            self.trainer_defaults = {"callbacks": [*writers, *shown]}
        return super().instantiate_trainer(
            plugins=[DurableCheckpointIO()], use_distributed_sampler=False, **kwargs
        )

    def _callbacks(self, config: Any) -> list[Callback]:
        state = str(self.state.resolve())
        self.guard = NonFiniteGuard(config.patience)
        return [
            ResumableCheckpoint(state, config.checkpoint_every, self.digests),
            StepSeed(int(self.resolved["seed_everything"] or 0)),
            self.guard,
            LossLog(f"{state}/loss.jsonl"),
            LossShares(f"{state}/{SHARES}"),
            *([SampleLog(state)] if config.log_samples else []),
            Panels(config.panels),
            Throughput(),
            SystemMetrics(),
            RunStatus(),
            *self._progress(config),
        ]

    def _progress(self, config: Any) -> list[Callback]:
        shown = config.trainer.enable_progress_bar is not False
        return [progress_callback(self.section)] if shown else []

    def _run_subcommand(self, subcommand: str) -> None:
        """Run it without a warning of Lightning that does not hold for `ErpDataModule`.

        Lightning asks the loader for a state; here the data module has it (docs/adr/0002).
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"(?s).*your dataloader is\s+not resumable")
            super()._run_subcommand(subcommand)

    def before_fit(self) -> None:
        """Log ten to fifteen parameters that tell runs apart, and the configuration as a file."""
        assert self.tracker is not None
        if not self.trainer.is_global_zero:
            return
        write_yaml(self.state / "config.yaml", self.resolved)
        self.tracker.log_hyperparams(curated(self.resolved, self.model.parameter_count()))
        self.tracker.log_artifact(self.state / "config.yaml")

    def after_fit(self) -> None:
        """Publish `runs/<section>` and end the run."""
        try:
            self._publish()
        except (TrainingDivergedError, GateError):
            if self.tracker is not None and self.trainer.is_global_zero:
                self.tracker.close("FAILED", wait_s=10.0)
            raise

    def _publish(self) -> None:
        log = self.state / "loss.jsonl"
        if self.trainer.is_global_zero and not log.is_file():
            raise RuntimeError(
                f"training ended at step {self.trainer.global_step} without a single step of its "
                "own; look at max_steps, the data, and the step that a given checkpoint was made at"
            )
        self.guard.check_last_step(self.trainer)
        part = self.target.with_name(f".{self.target.name}.{self.state.name}.part")
        task = gather(self.model, self._build_task, self.trainer.is_global_zero)
        if self.trainer.is_global_zero:
            shutil.rmtree(part, ignore_errors=True)
            check_finite(task.net)
            task.publish(part, self.datamodule.size)
            shutil.copy(log, part / "loss.jsonl")
            shutil.copy(log.with_name(SHARES), part / SHARES)
            write_yaml(part / "config.yaml", self.resolved)
            (part / "run_key").write_text(self.state.name + "\n")
        self.trainer.save_checkpoint(part / PUBLISHED, weights_only=True)
        if not self.trainer.is_global_zero:
            return
        if not self.replaces and self.target.exists():  # since the training began
            raise RunFolderError(f"{self.target} is there already; the finished model is {part}")
        publish(part, self.target)
        mark_finished(self.state)
        assert self.tracker is not None
        self.tracker.log_artifact(self.target, "model")
        self._register(self.config[self.subcommand].monitor)
        if left := self.tracker.close():
            logging.getLogger(__name__).warning(
                "%d tracking records wait in %s; `panodepth sync` delivers them", left, self.state
            )

    def _build_task(self) -> DepthTask:
        task: DepthTask = self.parser.instantiate_classes(self.config)[self.subcommand].model
        return task

    def _register(self, monitor: str | None) -> None:
        """Make the published model a version of the registered model of its section."""
        assert self.tracker is not None
        score = monitored_score(monitor, self.trainer.callback_metrics)
        tags = {"paper": self.paper, "run.key": self.state.name}
        tags |= {"monitor": monitor} if monitor else {}
        self.tracker.register(self.target.name, "model", score, tags)
