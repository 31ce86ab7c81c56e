"""`DepthTask`: what the LightningModules of all papers share. A paper adds one method, `losses`."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch import Tensor, nn

import pano_models
from experiments.training.divergence import check_maps, refuse_non_finite
from experiments.training.sharding import Sharded, is_sharded, shard, spare_batches
from experiments.training.validation_scores import ValidationScores
from pano_losses import resolve
from pano_models import CheckpointError, fill

Batch = dict[str, Any]
BATCH_NORMS = nn.modules.batchnorm._BatchNorm


class DepthTask(LightningModule):
    """Trains a network on panoramas and scores it under named protocols.

    Args:
        net: Network; `net(rgb)` returns a dict of maps `(b, 1, h, w)` (see `pano_models.outputs`).
        loss: Weighted sum of loss terms; `loss(**maps)` returns `(total, {term: value})`.
        optimizer: Called with the parameter groups.
        scheduler: Called with the optimiser and stepped after each optimiser step; None keeps the
            rate.
        protocols: Protocols under which validation data are scored (`pano_losses.protocols`).
        rates: Glob over parameter names of `net` -> factor on the learning rate (first match
            counts; 0 freezes); parameters without a match have factor 1.
        frozen_norms: Globs over module names of `net`; the batch norms among them keep the
            statistics they started with, as those of ImageNet: a batch of a few panoramas of
            several kinds has no statistics worth having.
        init_from: Folder of a trained model whose weights `net` starts from.
        channels_last: Keep weights and maps with the channels innermost in memory, where the
            convolutions of most encoders are faster: on a CPU by a factor of 1.2 to 1.5.
        feature_cache: Folder that keeps the maps of the network's frozen encoder (`frozen_blocks`)
            for the pictures that come again; data without random transforms.

    Raises:
        ValueError: `feature_cache` for a network without a frozen convolutional encoder, or a glob
            of `frozen_norms` that fits no batch norm.
    """

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: OptimizerCallable,
        scheduler: LRSchedulerCallable | None = None,
        protocols: list[str] | None = None,
        rates: dict[str, float] | None = None,
        frozen_norms: Sequence[str] = (),
        init_from: str | None = None,
        channels_last: bool = False,
        feature_cache: str | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.net = net
        self.loss = loss
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.protocols = [resolve(name).id for name in protocols or ["da2_paper"]]
        self.rates = rates or {}
        if init_from is not None:
            self._start_from(init_from)
        if channels_last:
            self.net.to(memory_format=torch.channels_last)
        for name, parameter in self.net.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and self._rate(name) > 0)
        self._frozen_norms = self._find_norms(frozen_norms)
        self._freeze_norms()  # Lightning keeps the modes that it finds and calls no train()
        if feature_cache is not None:
            self._keep_encoder_maps(feature_cache)

    def train(self, mode: bool = True) -> "DepthTask":
        """Switch the mode; `frozen_norms` stay in that of evaluation."""
        super().train(mode)
        self._freeze_norms()
        return self

    def _freeze_norms(self) -> None:
        for norm in self._frozen_norms:
            norm.eval()

    def _find_norms(self, globs: Sequence[str]) -> tuple[nn.Module, ...]:
        norms = {n: m for n, m in self.net.named_modules() if isinstance(m, BATCH_NORMS)}
        for glob in globs:
            if not any(fnmatch(name, glob) for name in norms):
                raise ValueError(f"frozen_norms: got {glob!r}, which fits no batch norm of the net")
        return tuple(m for n, m in norms.items() if any(fnmatch(n, glob) for glob in globs))

    def _keep_encoder_maps(self, folder: str) -> None:
        encoders: list[Any] = [m for m in self.net.modules() if hasattr(m, "keep_maps")]
        if not encoders:
            raise ValueError(
                f"feature_cache: got {type(self.net).__name__}, expected a network on a "
                "convolutional encoder whose tokens it takes (backbone: efficientnet_lite0)"
            )
        for encoder in encoders:
            encoder.keep_maps(folder)

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the weighted total and each term's own value for one batch: the paper's idea."""
        raise NotImplementedError(f"{type(self).__name__} must define losses(batch)")

    def samples_of(self, name: str, batch: Batch) -> slice:
        """Return from which samples of a batch the rows of a map of the loss are made.

        All, if not said.
        """
        return slice(None)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the prediction maps for RGB `(b, 3, h, w)` in [0, 1]."""
        prediction: dict[str, Tensor] = self.run(self.net, image)
        return prediction

    def run(self, network: nn.Module, x: Tensor) -> Any:
        """Run a network in the trainer's precision; return its maps in float32.

        What surrounds it is never in mixed precision: a sampling position in bfloat16 is off by
        pixels.
        """
        attached = self._trainer is not None
        with self.trainer.precision_plugin.forward_context() if attached else nullcontext():
            out = network(x)
        return {k: _full(v) for k, v in out.items()} if isinstance(out, Mapping) else _full(out)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the total loss of one batch; each term is logged."""
        with torch.autocast(self.device.type, enabled=False):
            total, terms = self.losses(batch)
        values = {"total": total.detach(), **{k: v.detach() for k, v in terms.items()}}
        size = len(batch["image"])
        for name, value in self._mean_over_ranks(values).items():
            self.log(f"train/loss/{name}", value, prog_bar=name == "total", batch_size=size)
        return total

    def _mean_over_ranks(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """Average all terms in one exchange: the logged loss is that of the global batch."""
        if self.trainer.world_size == 1:
            return values
        means = torch.stack([v.float() for v in values.values()])
        torch.distributed.all_reduce(means, torch.distributed.ReduceOp.SUM)
        return dict(zip(values, means / self.trainer.world_size, strict=True))

    def configure_model(self) -> None:
        """Shard the network when the strategy asks for it (`training.sharding.Sharded`)."""
        if isinstance(self.trainer.strategy, Sharded) and not is_sharded(self.net):
            shard(self.net, self.trainer.strategy.device_mesh["data_parallel"])

    def setup(self, stage: str) -> None:
        """Note which data sets are scored."""
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        names = data.test_names if stage == "test" else data.val_names
        self.scores = ValidationScores(names, self.protocols)

    def on_validation_epoch_start(self) -> None:
        """Count the batches by which another rank's share is longer."""
        self._spare = spare_batches(self.trainer) if is_sharded(self.net) else 0

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Predict and score one batch.

        Raises:
            TrainingDivergedError: In a training, a predicted map is not finite.
        """
        with torch.autocast(self.device.type, enabled=False):
            prediction = self(batch["image"])
            if self._trainer is not None and self.trainer.state.fn == "fit":
                refuse_non_finite(prediction)
            self.scores.update(dataloader_idx, prediction, batch)

    def on_validation_epoch_end(self) -> None:
        """Log `val/<data set>/<protocol>/<metric>` (or `test/...`)."""
        kind = "test" if self.trainer.testing else "val"
        size = self.trainer.datamodule.size  # type: ignore[attr-defined]
        for _ in range(self._spare):
            self(torch.zeros(1, 3, *size, device=self.device))
        values = {
            f"{kind}/{name}": value for name, value in self.scores.compute_and_reset().items()
        }
        self.log_dict(values, rank_zero_only=True)

    def on_test_epoch_start(self) -> None:
        """Do as before a validation."""
        self.on_validation_epoch_start()

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Do as in a validation."""
        self.validation_step(batch, batch_idx, dataloader_idx)

    def on_test_epoch_end(self) -> None:
        """Do as after a validation."""
        self.on_validation_epoch_end()

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> dict[str, Any]:
        """Return prediction maps with the keys of their samples."""
        return {"key": batch["key"], "dataset": batch["dataset"], **self(batch["image"])}

    def configure_optimizers(self) -> Any:
        """Group the trainable parameters by learning-rate factor, each in exactly one group."""
        by_factor: dict[float, list[nn.Parameter]] = {}
        for name, parameter in self.net.named_parameters():
            if parameter.requires_grad:
                by_factor.setdefault(self._rate(name), []).append(parameter)
        optimizer = self.optimizer([{"params": p} for p in by_factor.values()])
        for factor, group in zip(by_factor, optimizer.param_groups, strict=True):
            group["lr"] *= factor
        if self.scheduler is None:
            return optimizer
        schedule = {"scheduler": self.scheduler(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def publish(self, folder: Path, size: tuple[int, int]) -> None:
        """Write the finished network so that `pano_models.load(folder)` rebuilds it.

        Args:
            folder: Where it goes.
            size: Height and width it was trained at, and will be run at.

        Raises:
            TrainingDivergedError: Its maps are not finite.
        """
        check_maps(self.net, size)
        pano_models.save(self.net, folder, size)

    def _rate(self, name: str) -> float:
        return next((factor for glob, factor in self.rates.items() if fnmatch(name, glob)), 1.0)

    def _start_from(self, folder: str) -> None:
        fill(self.net, pano_models.load(folder).state_dict())

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Leave out what is not trained: a teacher has its own folder."""
        if not is_sharded(self.net):
            kept = {k: v for k, v in checkpoint["state_dict"].items() if k.startswith("net.")}
            checkpoint["state_dict"] = kept

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuse what this training cannot resume from, before anything is overwritten.

        Raises:
            CheckpointError: Names or shapes of tensors differ, or there are no more than weights.
        """
        if "state_dict" not in checkpoint:
            return  # a sharded network was loaded, and checked, by its strategy
        fitting = self._trainer is not None and self.trainer.state.fn == "fit"
        if fitting and "optimizer_states" not in checkpoint:
            raise CheckpointError(
                "got a checkpoint of weights alone, expected the state of a training to resume; to "
                "start from these weights name their folder: --model.init_args.init_from "
                "runs/<section>"
            )
        saved = {k: v.shape for k, v in checkpoint["state_dict"].items() if k.startswith("net.")}
        own = {f"net.{k}": v.shape for k, v in self.net.state_dict().items()}
        other = [k for k in sorted({*saved, *own}) if saved.get(k) != own.get(k)]
        if other:
            raise CheckpointError(
                f"got a checkpoint of another network ({len(other)} tensors unknown, missing or of "
                f"another shape, e.g. {other[:3]}), expected one of this "
                f"{type(self.net).__name__}; "
                "leave --ckpt_path out, or name a checkpoint of the same model section"
            )

        checkpoint["state_dict"] = {**self.state_dict(), **checkpoint["state_dict"]}

    @torch.no_grad()
    def parameter_count(self) -> int:
        """Return the number of trainable parameters."""
        return sum(p.numel() for p in self.net.parameters() if p.requires_grad)


def _full(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
