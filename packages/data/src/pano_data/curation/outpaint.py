"""What an out-painter is: it invents the rest of a panorama around what a picture shows."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pano_data.curation.project import Placement
from pano_geometry.tensor_types import Bool, Float


class PictureSource(NamedTuple):
    """Where the picture of a panorama comes from.

    Attributes:
        root: Root of its data set.
        image: Its path below the root.
        placement: Where it was put.
    """

    root: Path
    image: str
    placement: Placement


class Outpainter(ABC):
    """Fills the unknown part of a panorama; the image only, never the distance.

    Attributes:
        batch_size: panoramas that are best painted together.
    """

    batch_size: int = 1

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Name and options that decide the pictures, as JSON; noted with what is made of them."""

    def __call__(
        self,
        image: Float[Tensor, "3 h w"],
        known: Bool[Tensor, "1 h w"],
        environment: str = "mixed",
        seed: int = 0,
    ) -> Float[Tensor, "3 h w"]:
        """Fill one panorama; see `paint`."""
        return self.paint(image[None], known[None], [environment], [seed])[0]

    @abstractmethod
    def paint(
        self,
        images: Float[Tensor, "b 3 h w"],
        known: Bool[Tensor, "b 1 h w"],
        environments: Sequence[str],
        seeds: Sequence[int],
    ) -> Float[Tensor, "b 3 h w"]:
        """Fill several panoramas; each one depends on its own arguments only.

        Args:
            images: RGB in [0, 1]; read only where `known`.
            known: what the pictures show; kept as it is.
            environments: "indoor", "outdoor" or "mixed".
            seeds: of everything random.
        """

    def paint_sources(
        self,
        images: Float[Tensor, "b 3 h w"],
        known: Bool[Tensor, "b 1 h w"],
        environments: Sequence[str],
        seeds: Sequence[int],
        sources: Sequence[PictureSource],
    ) -> Float[Tensor, "b 3 h w"]:
        """Fill panoramas whose pictures' origin is known; only an oracle looks at `sources`."""
        return self.paint(images, known, environments, seeds)


def blend_known(
    image: Float[Tensor, "*b 3 h w"],
    painted: Float[Tensor, "*b 3 h w"],
    known: Bool[Tensor, "*b 1 h w"],
) -> Float[Tensor, "*b 3 h w"]:
    """Return the known pixels of `image` and the others of `painted`, in [0, 1]."""
    return torch.where(known, image, painted.to(image)).clamp(0, 1)
