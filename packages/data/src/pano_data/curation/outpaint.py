"""What an out-painter is: it invents the rest of a panorama around what a picture shows.

Also what out-painters share (the seam), and the oracle, which knows the true surroundings.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

import pano_geometry as pg
from pano_data.curation.project import Placement
from pano_data.errors import DataError
from pano_data.io.images import read_rgb
from pano_geometry.tensor_types import Bool, Float


class PictureSource(NamedTuple):
    """Where the picture of a panorama comes from.

    Attributes:
        root: Root of its data set.
        image: Its path below the root.
        placement: Its place on the panorama.
    """

    root: Path
    image: str
    placement: Placement


class Outpainter(ABC):
    """Fills the unknown part of a panorama; the image only, never the distance.

    Attributes:
        batch_size: Panoramas that are best painted together.
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
            known: Pixels that the pictures show; kept as they are.
            environments: "indoor", "outdoor" or "mixed".
            seeds: Seed of each panorama's random numbers.
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


def pad_right(maps: Float[Tensor, "b c h w"], columns: int) -> Float[Tensor, "b c h v"]:
    """Repeat the first columns behind the last, so that a planar network sees over the seam."""
    return torch.cat([maps, maps[..., :columns]], -1)


def fade_seam(maps: Float[Tensor, "b c h v"], columns: int) -> Float[Tensor, "b c h v"]:
    """Cross-fade the first columns with the repeated ones behind the last; both become the same.

    The leftmost column is what continues from the right border, the last of them what leads to the
    rest of the left: once the repetition is cut off there is no step at the seam.
    """
    if not columns:
        return maps
    weight = torch.arange(columns, device=maps.device, dtype=maps.dtype) / columns
    faded = torch.lerp(maps[..., -columns:], maps[..., :columns], weight)
    return torch.cat([faded, maps[..., columns:-columns], faded], -1)


def apply_around(
    function: Callable[[Tensor], Tensor], maps: Float[Tensor, "b c h w"], columns: int
) -> Float[Tensor, "b d k v"]:
    """Apply a convolutional function to maps continued over the seam, and cut its result to size.

    Args:
        function: Scales height and width by the same factor, or one over it.
        maps: Input of the function.
        columns: Continued on either side.
    """
    if not columns:
        return function(maps)
    result = function(torch.cat([maps[..., -columns:], maps, maps[..., :columns]], -1))
    margin = result.shape[-1] * columns // (maps.shape[-1] + 2 * columns)
    return result[..., margin:-margin]


SURROUNDINGS = "surroundings"
"""Folder beside the layout of a data set: a PNG for each picture, under the picture's own path.

A panorama from the place of the picture, its centre along the picture's axis, upright as the
picture is.
"""


class OracleOutpainter(Outpainter):
    """Turns the true panorama to where the picture was put.

    Args:
        folder: Folder of the panoramas below the root of the data set.
    """

    def __init__(self, folder: str = SURROUNDINGS) -> None:
        self.folder = folder

    @property
    def settings(self) -> dict[str, object]:
        """See `Outpainter.settings`."""
        return {"name": "oracle", "folder": self.folder}

    def paint(
        self,
        images: Float[Tensor, "b 3 h w"],
        known: Bool[Tensor, "b 1 h w"],
        environments: Sequence[str],
        seeds: Sequence[int],
    ) -> Float[Tensor, "b 3 h w"]:
        """Refuse: nobody knows the surroundings of a picture without its source.

        Raises:
            DataError: Always; use `paint_sources`.
        """
        raise DataError("OracleOutpainter needs the source of each picture: call paint_sources")

    def paint_sources(
        self,
        images: Float[Tensor, "b 3 h w"],
        known: Bool[Tensor, "b 1 h w"],
        environments: Sequence[str],
        seeds: Sequence[int],
        sources: Sequence[PictureSource],
    ) -> Float[Tensor, "b 3 h w"]:
        """Paint the true surroundings; environments and seeds change nothing.

        Raises:
            DataError: The surroundings of a picture are not there.
        """
        turned = [self._turn(source, known.shape[-2:]) for source in sources]
        return blend_known(images, torch.stack(turned), known)

    def _turn(self, source: PictureSource, size: Sequence[int]) -> Tensor:
        path = self._surroundings_path(source)
        if not path.is_file():
            raise DataError(
                f"no surroundings of {source.image} at {path}: render the data set with "
                "`surroundings: [128, 256]` under its entry of `worlds` in params.yaml"
            )
        picture = torch.from_numpy(read_rgb(path).copy()).permute(2, 0, 1) / 255
        rotation = pg.from_ypr(*source.placement, 0.0)
        # The ray R^T r of the picture's frame is seen at the ray r of the panorama.
        rays = pg.Equirectangular(*size).rays() @ rotation
        camera = pg.Equirectangular(*picture.shape[-2:])
        return pg.sample(picture[None], camera.project(rays)[None], camera.surface)[0]

    def _surroundings_path(self, source: PictureSource) -> Path:
        return (source.root / self.folder / source.image).with_suffix(".png")
