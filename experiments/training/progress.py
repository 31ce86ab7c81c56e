"""Progress of a training that is counted in steps."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import RichProgressBar


class StepProgress(RichProgressBar):
    """Lightning's bar for trainings that end at `max_steps`: no end of epochs, no logger's version."""

    def get_metrics(
        self, trainer: Trainer, pl_module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Adds the step over all steps; leaves out the run's key, cut to four digits."""
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
