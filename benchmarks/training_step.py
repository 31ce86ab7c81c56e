"""Which part of a training step takes how much CPU time.

    python -m benchmarks.training_step da2 dap_labeler depth_anywhere_unifuse [--clone DIR]
        [--operations 12]     and which operations of torch take how much of the last step

Trains sections of params.yaml for a few steps with one thread, on the data of a clone that `make
repro` has filled and in a folder of its own: nothing is written into the clone. CPU seconds
(`time.process_time`), so that other work on the machine changes little; read the shares.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import Profiler

from experiments.pipeline import params
from experiments.training.params_cli import ParamsCLI
from experiments.training.shares import LossShares

WARM_UP, STEPS = 3, 10
"""Steps that are left out, and steps that are counted."""
READ, FORWARD, LOSS, BACKWARD, OPTIMISER, REST = PARTS = (
    "reading and augmenting the batch",
    "forward of the network",
    "losses, teacher",
    "backward",
    "optimiser",
    "callbacks, logging, loop",
)
ACTIONS = {
    "train_dataloader_next": READ,
    "batch_to_device": READ,
    "run_training_batch": REST,
    "training_step": LOSS,
    "backward": BACKWARD,
    "optimizer_step": OPTIMISER,
}
"""How names of Lightning's actions end, and which part they are."""
ARGUMENTS = (
    f"fit --trainer.max_steps {WARM_UP + STEPS + 1} --trainer.limit_val_batches 0 --threads 1 "
    "--data.num_workers 0 --trainer.enable_progress_bar false --monitor null"
)


class Clock:
    """CPU seconds by name; what is timed inside of something else counts there no more."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.counted: dict[str, float] = {}
        self.operations: dict[str, float] = {}
        self._open: list[tuple[str, float]] = []

    def start(self, name: str) -> None:
        """Begin something, inside of what is under way."""
        now = time.process_time()
        if self._open:
            self._add(*self._open[-1], now)
        self._open.append((name, now))

    def stop(self) -> None:
        """End what was begun last."""
        now = time.process_time()
        self._add(*self._open.pop(), now)
        if self._open:
            self._open[-1] = self._open[-1][0], now

    def _add(self, name: str, since: float, now: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + now - since


class ByPart(Profiler):
    """Lightning's actions, as far as they are parts of a step."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def start(self, action_name: str) -> None:
        """Start the part that an action is, if it is one."""
        if part := part_of(action_name):
            self.clock.start(part)

    def stop(self, action_name: str) -> None:
        """Stop it."""
        if part_of(action_name):
            self.clock.stop()


def part_of(action: str) -> str | None:
    """Return the part of a step that an action of Lightning's is."""
    if action.startswith("[Callback]") and "train_batch" in action:
        return REST
    return next((part for end, part in ACTIONS.items() if action.endswith(end)), None)


class Watch(Callback):
    """Times the network and the loss; forgets the first steps."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.profile = torch.autograd.profiler.profile()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Time what the network and the loss do."""
        for name, part in (("net", FORWARD), ("loss", LOSS)):
            module: Any = getattr(pl_module, name)
            module.register_forward_pre_hook(partial(self._begin, part))
            module.register_forward_hook(self._end)

    def _begin(self, part: str, *call: object) -> None:
        self.clock.start(part)

    def _end(self, *call: object) -> None:
        self.clock.stop()

    def on_train_batch_start(self, trainer: Trainer, *rest: Any) -> None:
        """Begin to count after the warm-up; note the operations of the step after what counts."""
        if trainer.global_step == WARM_UP:
            self.clock.seconds.clear()
        if trainer.global_step == WARM_UP + STEPS:
            self.clock.counted = dict(self.clock.seconds)
            self.profile.__enter__()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End it."""
        self.profile.__exit__(None, None, None)
        found = {e.key: e.self_cpu_time_total / 1e6 for e in self.profile.key_averages()}
        self.clock.operations = found


class ProfiledCLI(ParamsCLI):
    """A training whose steps are timed part by part."""

    clock: Clock

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Add the profiler."""
        return super().instantiate_trainer(profiler=ByPart(self.clock), **kwargs)

    def _callbacks(self, config: Any) -> list[Callback]:
        """Leave out what measures the gradient of each set: four times, however few the steps."""
        usual = [c for c in super()._callbacks(config) if not isinstance(c, LossShares)]
        return [*usual, Watch(self.clock)]

    def after_fit(self) -> None:
        """Publish nothing: some networks have no result after so few steps."""
        assert self.tracker is not None
        self.tracker.close()


def step(section: str, clone: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the CPU seconds of a step of a training by part, and of one by operation of torch."""
    clock = ProfiledCLI.clock = Clock()
    paper = paper_of(params.section(section, clone / "params.yaml"))
    with in_own_folder(clone) as folder:
        ProfiledCLI(paper, section, ARGUMENTS.split(), target=folder / "model")
    parts = {part: clock.counted[part] / STEPS for part in PARTS if part in clock.counted}
    return parts, clock.operations


def paper_of(values: Mapping[str, Any]) -> str:
    """Return the folder of the experiment that a section is of, by the class of its task."""
    path: str = values["model"]["class_path"]
    return path.split(".")[1]


@contextmanager
def in_own_folder(clone: Path) -> Iterator[Path]:
    """Work in a new folder that shows the data and models of a clone, and takes what is written."""
    clone, before = clone.resolve(), Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for entry in ("params.yaml", "dvc.yaml", "dvc.lock", "data", ".dvc", "packages"):
            (folder / entry).symlink_to(clone / entry)
        (folder / "runs").mkdir()
        for run in sorted((clone / "runs").iterdir()):
            (folder / "runs" / run.name).symlink_to(run)
        os.chdir(folder)
        try:
            yield folder
        finally:
            os.chdir(before)


def largest(seconds: Mapping[str, float], count: int) -> dict[str, float]:
    """Return the largest of many, and the others together."""
    order = sorted(seconds.items(), key=lambda item: -item[1])
    return dict(order[:count]) | {"others": sum(s for _, s in order[count:])}


def table(seconds: Mapping[str, float], unit: str) -> str:
    """Return parts, their seconds and their shares as a table."""
    total = sum(seconds.values())
    rows = [f"| part | {unit} | share |", "| --- | ---: | ---: |"]
    rows += [f"| {n} | {s:.3f} | {100 * s / total:.0f} % |" for n, s in seconds.items()]
    return "\n".join([*rows, f"| together | {total:.3f} | |"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sections", nargs="+")
    parser.add_argument("--clone", type=Path, default=Path())
    parser.add_argument("--operations", type=int, default=0)
    parser.add_argument("--json", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.json:
        options.json.write_text(json.dumps(step(options.sections[0], options.clone)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for section in options.sections:  # each in a process of its own
            out = Path(folder) / f"{section}.json"
            command = [sys.executable, "-m", "benchmarks.training_step", section]
            subprocess.run(
                [*command, "--clone", str(options.clone.resolve()), "--json", str(out)], check=True
            )
            parts, operations = json.loads(out.read_text())
            print(f"{section}\n\n{table(parts, 's a step')}\n", flush=True)
            if options.operations:
                print(table(largest(operations, options.operations), "s, wall"), "\n", flush=True)


if __name__ == "__main__":
    main()
