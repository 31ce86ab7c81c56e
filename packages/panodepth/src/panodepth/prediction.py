"""The map of one panorama at its own size, and the network that makes it."""

from dataclasses import dataclass, replace
from os import PathLike
from typing import Literal, Self, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import pano_geometry as pg
import pano_models
from pano_data import Picture
from pano_models import DepthMaps, ModelNotFoundError, Predictor, outputs, usable_device
from pano_models.outputs import FAR_PROBABILITY
from panodepth import foreign_checkpoints
from panodepth.errors import CommandError

Model = str | PathLike[str] | Predictor | nn.Module
MapKind = Literal["distance_metric", "distance_scale_invariant", "disparity_affine"]
DEFAULT_MODEL = "pano_small"
"""The model in the box."""
MAP_KINDS: tuple[MapKind, ...] = get_args(MapKind)
MIN_WORKING_HEIGHT = 16


@dataclass(frozen=True)
class PredictedMap:
    """What a network predicts for one panorama, at the size of the panorama.

    Attributes:
        kind: What `values` are, as the network's key says.
        values: `(h, w)` float32: distance along the ray in metres (`distance_metric`) or up to a
            factor, or disparity up to a factor and a shift. Finite everywhere.
        valid: `(h, w)` bool: not masked by the user.
        far: `(h, w)` bool: sky or beyond the network's range.
        working_height: Rows of the map that the network made, before it was resized to `h`.
    """

    kind: MapKind
    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    far: NDArray[np.bool_]
    working_height: int | None = None

    @classmethod
    def from_network(cls, maps: DepthMaps, panorama: Picture) -> Self:
        """Bring the maps of one panorama to its own size.

        Args:
            maps: Of one panorama, `(1, 1, working height, working width)`.
            panorama: Its size is taken, and its mask.
        """
        size = panorama.valid.shape
        far = np.zeros(size, np.bool_)
        if FAR_PROBABILITY in maps.maps:
            # Apart from the distances: a large probability is gone before they are made large.
            far = _only(maps, FAR_PROBABILITY).at(size).far[0, 0].cpu().numpy()
        values = _only(maps, maps.kind).at(size).values[0, 0].cpu().numpy()
        return cls(cast(MapKind, maps.kind), values, panorama.valid, far, maps.working_size[0])

    @property
    def unit(self) -> str:
        """The unit of `values`: `m`, `relative` or `affine disparity`."""
        return outputs.UNITS[self.kind]

    @property
    def near(self) -> NDArray[np.bool_]:
        """`(h, w)` bool: valid and not far, where `values` measure something."""
        return self.valid & ~self.far & (self.values > 0)

    def downsample(self, max_width: int) -> "PredictedMap":
        """Return the map on a grid at most `max_width` wide, each value one that was measured."""
        height, width = self.values.shape
        if width <= max_width:
            return self
        size = (max(1, round(height * max_width / width)), max_width)
        return PredictedMap(
            self.kind,
            pg.resize(self.values, size, "nearest"),
            pg.resize(self.valid, size, "nearest"),
            pg.resize(self.far, size, "nearest"),
            self.working_height,
        )


def _only(maps: DepthMaps, key: str) -> DepthMaps:
    return replace(maps, maps={key: maps.maps[key]})


def load_predictor(model: str, device: str = "auto", height: int | None = None) -> Predictor:
    """Load MODEL, ready to run.

    Args:
        model: A training output folder, `official:NAME`, `official:NAME=FILE` or a hub id.
        device: What `choose_device` takes.
        height: Working height in pixels, the width is twice that; the network's own size if None.

    Raises:
        CommandError: There is no such model or device, the files of the model do not fit, or the
            height is too small.
    """
    check_height(height)
    where = choose_device(device)
    size = None if height is None else (height, 2 * height)
    foreign_checkpoints.register()
    try:
        return Predictor(pano_models.load(model), size, where)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        if model == DEFAULT_MODEL and isinstance(error, ModelNotFoundError):
            raise CommandError(
                f"there is no {DEFAULT_MODEL} in this installation: say which model to use by "
                "--model, a folder of a training (runs/da2), official:da2 or a hub id; all that "
                "have a name: panodepth models"
            ) from error
        raise CommandError(f"--model {model} cannot be loaded: {error}") from error


def to_predictor(model: Model, device: str, height: int | None) -> tuple[Predictor, str]:
    """Return what runs a model, and what to call it.

    Args:
        model: What `--model` takes; a `Predictor`, which stays as it is; or a network, where it is.
        device: What `choose_device` takes.
        height: Working height in pixels; the network's own size if None.

    Raises:
        CommandError: There is no such model or device, or the files of the model do not fit.
    """
    if isinstance(model, Predictor):
        return model, type(model.network).__name__
    if isinstance(model, nn.Module):
        check_height(height)
        size = None if height is None else (height, 2 * height)
        return Predictor(model, size), type(model).__name__
    return load_predictor(str(model), device, height), str(model)


def check_height(height: int | None) -> None:
    """Refuse a working height at which no network sees anything.

    Raises:
        CommandError: It is below `MIN_WORKING_HEIGHT`.
    """
    if height is not None and height < MIN_WORKING_HEIGHT:
        raise CommandError(f"--height is {height}, expected at least {MIN_WORKING_HEIGHT} pixels")


def choose_device(name: str) -> torch.device:
    """Return the device that `--device` names; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        CommandError: The device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        return usable_device(name)
    except ValueError as error:
        raise CommandError(f"--{error}") from error
