"""DAP's judge: rendered truth against a labeler's output, patch by patch, beside the picture."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import pano_models
from experiments.dap.judge_folder import save_discriminator
from experiments.dap.label_quality import RankCorrelation, patch_quality
from experiments.dap.task import SNAPSHOTS
from experiments.training.divergence import GateError
from experiments.training.task import Batch, DepthTask
from pano_models import EncoderDiscriminator


class DiscriminatorTask(DepthTask):
    """Trains a PatchGAN to tell true distance maps from those of frozen labelers.

    The fakes come from the labeler and its earlier states in turn, so that a fake may be far off or
    nearly right. Both maps are normalised the same way: the judge sees shape, not scale. Later its
    score of a pseudo-label says how much the label looks like truth. Validation asks whether that
    is so: does the score fall as the true error of the labeler rises?

    Args:
        labeler: Folder of the labeler whose outputs are the fakes.
        highest_rank: The most that Spearman's correlation of score and true error (AbsRel, first
            protocol) may be on each validation set, or the stage fails; None: it is only logged.
        tolerance: A patch of a fake is as good as `patch_quality` with this tolerance says; None:
            no fake is any good, as in a PatchGAN.
        **task: See `DepthTask`; `net` is the discriminator.

    Source: DAP (arXiv 2512.16913), realism-invariant labeler; objective and gate are our choice.
    """

    def __init__(
        self,
        labeler: str,
        highest_rank: float | None = 0.0,
        tolerance: float | None = None,
        **task: Any,
    ) -> None:
        super().__init__(**task)
        self.tolerance = tolerance
        self.highest_rank = highest_rank
        folders = [labeler, *sorted(map(str, (Path(labeler) / SNAPSHOTS).glob("*")))]
        frozen = [pano_models.load(folder).requires_grad_(False) for folder in folders]
        self.labelers = nn.ModuleList(frozen)  # the finished one first
        if isinstance(self.net, EncoderDiscriminator):
            self.net.copy_encoder(frozen[0].get_submodule("backbone.encoder"))
        self.ranks: dict[str, float] = {}

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare patches of the truth with those of the labelers, on the same panoramas."""
        image, known = batch["image"], batch["valid"] | batch["far"]
        metres, far = self._fakes(image, self.global_step)
        real = self.net.view(image, batch["distance"], known, batch["far"])  # type: ignore[operator]
        fake = self.net.view(image, metres, known, far)  # type: ignore[operator]
        scores = {"real_score": self.run(self.net, real), "fake_score": self.run(self.net, fake)}
        if self.tolerance is not None:
            truth = batch["distance"], batch["valid"], batch["far"]
            grid = scores["fake_score"].shape[-2:]
            scores["fake_quality"] = patch_quality(metres, far, *truth, grid, self.tolerance)
        total, terms = self.loss(**scores)
        return total, terms

    def _fakes(self, image: Tensor, turn: int) -> tuple[Tensor, Tensor]:
        """Return distance and far mask by one labeler; which one changes with the step."""
        count = len(self.labelers)
        metres = torch.zeros_like(image[:, :1])
        far = torch.zeros_like(metres, dtype=torch.bool)
        for number, labeler in enumerate(self.labelers):
            own = slice((number - turn) % count, None, count)
            if len(image[own]):
                metres[own], far[own] = self._opinion(labeler, image[own])
        return metres, far

    @torch.no_grad()
    def _opinion(self, labeler: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.run(labeler.eval(), image)
        metres: Tensor = maps["distance_metric"]
        return metres, maps.get("far_probability", torch.zeros_like(metres)) > 0.5

    def setup(self, stage: str) -> None:
        """Note which data sets are ranked."""
        super().setup(stage)
        self.rank = RankCorrelation(self.scores.datasets, self.protocols[0])

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Score the finished labeler's maps, as they will be scored without a truth."""
        net: Any = self.net
        metres, far = self._opinion(self.labelers[0], batch["image"])
        everywhere = torch.ones_like(far)
        score = net.score(net.view(batch["image"], metres, everywhere, far), ~far)
        self.rank.update(dataloader_idx, score, metres, batch)

    def on_validation_epoch_end(self) -> None:
        """Log `val/<data set>/rank/spearman`, and the mean error of the labeler beside it."""
        values = self.rank.compute_and_reset()
        self.ranks = {k.split("/")[0]: v for k, v in values.items() if k.endswith("spearman")}
        self.log_dict({f"val/{k}": v for k, v in values.items()}, rank_zero_only=True)

    def publish(self, folder: Path, size: tuple[int, int]) -> None:
        """Write the discriminator, if it prefers the better labels.

        Raises:
            GateError: It does not, or was never asked.
        """
        limit = float("inf") if self.highest_rank is None else self.highest_rank
        above = {k: v for k, v in self.ranks.items() if not v <= limit}
        if self.highest_rank is not None and (above or not self.ranks):
            told = ", ".join(f"{k} {v:+.2f}" for k, v in self.ranks.items()) or "no validation"
            raise GateError(
                f"the score of a label does not fall with its error: got Spearman {told}, expected "
                f"at most {limit:+.2f} on each; train it longer, or on more fakes"
            )
        save_discriminator(self.net, self.hparams["net"].get("init_args", {}), folder)  # type: ignore[arg-type]
