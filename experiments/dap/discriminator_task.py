"""DAP's judge: rendered truth against a labeler's output, patch by patch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

import pano_models
from experiments.training.task import Batch, DepthTask
from pano_models import ModelNotFoundError, fill, read_state
from pano_models.discriminator import PatchDiscriminator, normalize_distance


class DiscriminatorTask(DepthTask):
    """Trains a PatchGAN to tell true distance maps from those of a frozen labeler.

    Both maps are normalised the same way, so the judge sees shape, not scale. Later its score of a
    pseudo-label says how much the label looks like truth.

    Args:
        labeler: Folder of the labeler whose outputs are the fakes.
        **task: See `DepthTask`; `net` is the discriminator.

    Source: DAP (arXiv 2512.16913), realism-invariant labeler; the objective is our choice.
    """

    def __init__(self, labeler: str, **task: Any) -> None:
        super().__init__(**task)
        self.labeler = pano_models.load(labeler).requires_grad_(False)

    def losses(self, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Real patches from the truth, fake patches from the labeler, on the same panoramas."""
        valid = batch["valid"]
        with torch.no_grad():
            opinion = self.run(self.labeler.eval(), batch["image"])["distance_metric"]
        total, terms = self.loss(
            real_score=self.run(self.net, normalize_distance(batch["distance"], valid)),
            fake_score=self.run(self.net, normalize_distance(opinion, valid)),
        )
        return total, terms

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A judge has no depth to score."""

    def publish(self, folder: Path, size: tuple[int, int]) -> None:
        """Write the discriminator for `load_discriminator`; it takes labels of any `size`."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach().contiguous().cpu() for k, v in self.net.state_dict().items()}
        save_file(state, folder / "model.safetensors")
        options = self.hparams["net"].get("init_args", {})
        (folder / "config.json").write_text(json.dumps(dict(options)) + "\n")


def load_discriminator(folder: str) -> PatchDiscriminator:
    """Rebuilds the discriminator of a training's folder, in evaluation mode.

    Raises:
        ModelNotFoundError: There is none.
        CheckpointError: Its weights are damaged, or those of another network.
    """
    config = Path(folder) / "config.json"
    if not config.is_file():
        raise ModelNotFoundError(f"no discriminator in {folder}; train it first (uv run dvc repro)")
    options = json.loads(config.read_text())
    network = PatchDiscriminator(**options)
    fill(network, read_state(Path(folder) / "model.safetensors"))
    return network.eval()
