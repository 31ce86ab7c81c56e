"""Changes of colour and weather, made on the device to the pictures of a training batch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

_STREAM = 1
"""Keeps these draws apart from those of the reader, which stem from the same seeds."""


class BatchAugmentation:
    """Changes the pictures of a batch after their transfer; labels and masks stay as they are.

    Each picture is changed by itself, from the seed of its draw alone: the same draw gives the
    same picture on any rank, in a batch of any size and after any restart. The random states of
    the training are as they were afterwards.

    Args:
        changes: Modules that map pictures `(1, 3, h, w)` in [0, 1] to such, applied in this order;
            for example of `kornia.augmentation`. They draw from torch's generators. What looks at
            neighbouring pixels belongs into `Turned`.

    Raises:
        ValueError: No changes are given.
    """

    def __init__(self, changes: Sequence[nn.Module]) -> None:
        if not changes:
            raise ValueError("got no changes, expected at least one module; or leave it out")
        self.changes = tuple(changes)

    @torch.no_grad()
    def __call__(self, images: Tensor, seeds: Tensor) -> Tensor:
        """Return the changed pictures `(b, 3, h, w)` in [0, 1].

        Args:
            images: RGB in [0, 1].
            seeds: `(b,)` int64, not negative; see `TrainSample.seed`.
        """
        devices = [images.device] if images.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            changed = [
                self._change(image[None], seed)
                for image, seed in zip(images, seeds.tolist(), strict=True)
            ]
        return torch.cat(changed).to(images.dtype).clamp_(0, 1)

    def _change(self, image: Tensor, seed: int) -> Tensor:
        torch.manual_seed(int(np.random.SeedSequence([seed, _STREAM]).generate_state(1)[0]))
        for change in self.changes:
            image = change(image)
        return image


class Turned(nn.Module):
    """Turns the pictures about the vertical axis, changes them, and turns them back.

    What cannot cross the border of a picture, such as a streak of rain, leaves no gap at the seam
    of the panorama then: the border lies elsewhere in every picture.

    Args:
        change: What is done to the turned pictures.
    """

    def __init__(self, change: nn.Module) -> None:
        super().__init__()
        self.change = change

    def forward(self, images: Tensor) -> Tensor:
        """Return the changed pictures."""
        shift = int(torch.randint(images.shape[-1], ()))
        changed: Tensor = self.change(images.roll(shift, -1))
        return changed.roll(-shift, -1)
