"""Losses of a patch discriminator and of what it judges."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_losses.reduction import Reduced, at_least_float32
from pano_losses.terms import Term

Objective = Literal["lsgan", "bce"]


def patch_score(
    score: Float[Tensor, "b 1 hp wp"],
    label: float | Float[Tensor, "b 1 hp wp"],
    objective: Objective = "lsgan",
) -> Reduced:
    """Return the distance of patch scores from a label, mean over patches.

    Args:
        score: Raw output of the discriminator, one number per patch.
        label: 1 for real, 0 for fake; or a number between for each patch.
        objective: Squared error (LSGAN) or cross-entropy of the sigmoid (BCE).

    Source: LSGAN (arXiv 1611.04076), eq. 2 with labels 0 and 1; PatchGAN (arXiv 1611.07004).
    """
    score = at_least_float32(score)
    truth = torch.as_tensor(label, dtype=score.dtype, device=score.device).expand_as(score)
    if objective == "lsgan":
        value = functional.mse_loss(score, truth)
    else:
        value = functional.binary_cross_entropy_with_logits(score, truth)
    return Reduced(value, torch.zeros((), dtype=torch.bool, device=score.device))


class DiscriminatorLoss(Term):
    """Mean of the losses on real and on fake: what the discriminator minimises.

    A fake patch is 0, or as good as `fake_quality` says: a discriminator of 0 and 1 learns what a
    network's maps look like, and that does not tell a good one from a bad one.

    DAP names a PatchGAN without its objective; LSGAN is our choice, and so is the quality.
    """

    def __init__(self, weight: float = 1.0, objective: Objective = "lsgan") -> None:
        super().__init__(weight)
        self.objective: Objective = objective

    def forward(
        self, *, real_score: Tensor, fake_score: Tensor, fake_quality: Tensor | None = None
    ) -> Reduced:
        """Return the loss of a batch of real and one of fake patches; detach what made the fake."""
        real = patch_score(real_score, 1.0, self.objective)
        quality = 0.0 if fake_quality is None else fake_quality
        fake = patch_score(fake_score, quality, self.objective)
        return Reduced(0.5 * (real.value + fake.value), real.empty)


class GeneratorLoss(Term):
    """Loss of the fake against the label of the real: what a generator minimises."""

    def __init__(self, weight: float = 1.0, objective: Objective = "lsgan") -> None:
        super().__init__(weight)
        self.objective: Objective = objective

    def forward(self, *, fake_score: Tensor) -> Reduced:
        """Return the loss of a batch of fake patches."""
        return patch_score(fake_score, 1.0, self.objective)
