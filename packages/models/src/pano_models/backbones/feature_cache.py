"""Maps of a frozen encoder, kept on disk for the pictures that come again."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.storage.model_folder import digest_of_weights
from pano_models.storage.whole_file import replace_file

_LOG = logging.getLogger(__name__)


class FeatureCache:
    """Runs a frozen encoder on the pictures that it has not met.

    A file holds the maps of one picture. Its name is a digest of the picture and of the encoder's
    weights, so that another encoder, size or colour never meets maps that are not its own, and any
    number of trainings and processes may share a folder. Nothing is removed: 128x256 pixels take
    0.38 MB with an EfficientNet-Lite0.

    It saves time where pictures come again bit for bit: no random transform may stand before it,
    rolls and mirrors included.

    Args:
        folder: Made when the first maps are written.
    """

    def __init__(self, folder: str | PathLike[str]) -> None:
        self.folder = Path(folder)
        self._weights = ""
        self._versions: tuple[tuple[int, int], ...] = ()

    def run(
        self,
        encoder: nn.Module,
        image: Float[Tensor, "b 3 h w"],
        compute: Callable[[Tensor], Sequence[Tensor]],
        settings: str = "",
    ) -> list[Float[Tensor, "b c i j"]]:
        """Return the maps of `image`.

        Args:
            encoder: Whose weights, and printed form, the maps belong to.
            image: What `compute` takes.
            compute: Gives the maps of the pictures that are not there. They are bit for bit those
                of the batch in which a picture first came.
            settings: What else they depend on, such as the precision.

        Raises:
            OSError: The folder cannot be written.
        """
        autocast = torch.is_autocast_enabled(image.device.type)
        made_by = f"{self._identify(encoder)} {settings} {autocast}"
        files = [self._file(made_by, picture) for picture in image]
        found = [_read(file) for file in files]
        missing = [i for i, maps in enumerate(found) if maps is None]
        if missing:
            for i, maps in zip(missing, _apart(compute(image[missing])), strict=True):
                _write(files[i], maps)
                found[i] = maps
        levels = zip(*(maps for maps in found if maps is not None), strict=True)
        return [torch.stack([x.to(image.device) for x in level]) for level in levels]

    def _identify(self, encoder: nn.Module) -> str:
        """Return a digest of the encoder; its weights are read again only after one was written."""
        state = encoder.state_dict().values()
        versions = tuple((value.data_ptr(), value._version) for value in state)
        if versions != self._versions:
            self._weights, self._versions = digest_of_weights(encoder), versions
        return f"{self._weights} {encoder!r}"

    def _file(self, made_by: str, picture: Tensor) -> Path:
        described = f"{made_by} {picture.dtype} {tuple(picture.shape)}"
        pixels = picture.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        name = hashlib.sha256(described.encode() + pixels).hexdigest()
        return self.folder / name[:2] / f"{name}.safetensors"


def _apart(levels: Sequence[Tensor]) -> list[list[Tensor]]:
    return [list(maps) for maps in zip(*levels, strict=True)]


def _read(file: Path) -> list[Tensor] | None:
    if not file.is_file():
        return None
    try:
        maps = load_file(file)
    except (SafetensorError, OSError) as error:
        _LOG.warning("%s cannot be read and is made again: %s", file, error)
        return None
    return [maps[str(i)] for i in range(len(maps))]


def _write(file: Path, maps: Sequence[Tensor]) -> None:
    with replace_file(file) as part:
        save_file({str(i): x.contiguous() for i, x in enumerate(maps)}, part)
