"""The upper bound of out-painting: the true surroundings, which rendered worlds know.

Beside black and reflection it tells how much any out-painter could bring. Miniatures of perspective
sets write the panoramas (`surroundings` of `pano_worlds.miniatures.write`); no real set has them.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

import pano_geometry as pg
from pano_data.curation.outpaint import Outpainter, PictureSource, blend_known
from pano_data.errors import DataError
from pano_data.io.images import read_rgb
from pano_geometry.tensor_types import Bool, Float

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
        """See `Outpainter.paint_sources`; environments and seeds change nothing.

        Raises:
            DataError: The surroundings of a picture are not there.
        """
        turned = [self._turned(source, known.shape[-2:]) for source in sources]
        return blend_known(images, torch.stack(turned), known)

    def _turned(self, source: PictureSource, size: Sequence[int]) -> Tensor:
        path = self._path(source)
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

    def _path(self, source: PictureSource) -> Path:
        return (source.root / self.folder / source.image).with_suffix(".png")
