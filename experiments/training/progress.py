"""Progress of a training: Lightning's bar in a terminal, lines in a log."""

import math
import sys
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar, RichProgressBar

from pano_data import open_bar


def progress_callback(name: str = "") -> ProgressBar:
    """Return what shows the progress of a trainer on this machine's output.

    Args:
        name: What is trained; a line of a log names it.
    """
    return StepProgress() if sys.stdout.isatty() else LoggedProgress(name)


class StepProgress(RichProgressBar):
    """Lightning's bar for trainings that end at `max_steps`.

    No end of epochs, no logger's version.
    """

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Add the step over all steps; leave out the run's key, cut to four digits."""
        steps = f"/{trainer.max_steps}" if trainer.max_steps > 0 else ""
        shown: dict[str, Any] = {"step": f"{trainer.global_step}{steps}"}
        return shown | {
            k: v for k, v in super().get_metrics(trainer, pl_module).items() if k != "v_num"
        }

    def _get_train_description(self, current_epoch: int) -> str:
        # Without `max_epochs` Lightning writes "Epoch 3/-2".
        if (self.trainer.max_epochs or -1) < 0:
            return f"Epoch {current_epoch}".ljust(len(self.validation_description))
        return super()._get_train_description(current_epoch)


class LoggedProgress(ProgressBar):
    """A line about every 20 s: steps of a training with their loss, batches of any other loop.

    Args:
        name: What is trained, validated, labelled.
    """

    def __init__(self, name: str = "") -> None:
        super().__init__()
        self._name = name
        self._shown = True
        self._open: list[Any] = []

    def disable(self) -> None:
        """Show nothing from now on."""
        self._shown = False

    def enable(self) -> None:
        """Show progress again."""
        self._shown = True

    def _start(self, what: str, total: float, initial: int = 0, **options: Any) -> None:
        end = int(total) if math.isfinite(total) and total >= 0 else None
        title = f"{what} {self._name}".strip()
        self._open.append(open_bar(title, end, self._shown, initial, **options))

    def _end(self) -> None:
        if self._open:
            self._open.pop().close()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count from the step at which a resumed training starts."""

        def losses() -> str:
            metrics = super(LoggedProgress, self).get_metrics(trainer, pl_module)
            return ", ".join(
                f"{name.rpartition('/')[2]} {value:.4g}"
                for name, value in metrics.items()
                if isinstance(value, float)
            )

        steps = trainer.estimated_stepping_batches
        self._start("training", steps, trainer.global_step, note=losses)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Count optimiser steps: several batches may make one."""
        bar = self._open[-1]
        bar.update(trainer.global_step - bar.n)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count."""
        self._end()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the batches of all sets; Lightning's trial before a training too."""
        sanity = trainer.sanity_checking
        batches = trainer.num_sanity_val_batches if sanity else trainer.num_val_batches
        self._start("validating", sum(batches))

    def on_validation_batch_end(self, trainer: Trainer, pl_module: Any, *_: Any) -> None:
        """Count one batch."""
        self._open[-1].update()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count."""
        self._end()

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the batches of all sets."""
        self._start("testing", sum(trainer.num_test_batches))

    def on_test_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Count one batch."""
        self._open[-1].update()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count."""
        self._end()

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count the batches of all sets."""
        self._start("predicting", sum(trainer.num_predict_batches))

    def on_predict_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Count one batch."""
        self._open[-1].update()

    def on_predict_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Close the count."""
        self._end()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Close what is open: the error follows on a line of its own."""
        while self._open:
            self._end()
