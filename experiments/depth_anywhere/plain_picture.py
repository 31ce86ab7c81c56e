"""What the teacher looks at: the picture before its colours are changed for the student."""

from typing import Any

import torch

from pano_data import Augmentation, ErpSample

PLAIN = "plain_image"


class PlainPicture(Augmentation):
    """Keeps the picture as it is at this place of the transforms, under `plain_image`.

    Put it behind what moves pixels and before what changes colours.

    Source: Depth Anywhere's release labels the picture without colour jitter.
    """

    def __call__(self, sample: ErpSample, generator: torch.Generator) -> ErpSample:
        """Return the sample with the picture twice."""
        kept: Any = {**sample, PLAIN: sample["image"]}
        return kept  # type: ignore[no-any-return]
