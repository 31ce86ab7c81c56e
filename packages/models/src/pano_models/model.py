"""The base of every network here, and `create`, which notes what a network was built from."""

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.errors import CheckpointError, ModelNotFoundError
from pano_models.outputs import Maps
from pano_models.predictor import DepthMaps, Predictor
from pano_models.registry import builder_of
from pano_models.storage.model_folder import find_folder, read_config, read_weights, write_folder
from pano_models.storage.state_dict import LoadReport, fill


@dataclass(frozen=True)
class ModelSpec:
    """What rebuilds a network: `create(spec.name, **spec.config)`. JSON-able."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)


class DepthModel(nn.Module):
    """A panoramic depth network: RGB in [0, 1] in, a dict of maps out.

    `spec` is filled in by `pano_models.create`; without it a network can be run but not saved.
    `load_report` says what reading a published checkpoint dropped.
    """

    encoder_name: ClassVar[str] = ""
    """Submodule whose output is a list of feature maps (or of a transformer's tokens)."""

    probe_size: ClassVar[tuple[int, int]] = (128, 256)
    """A small input size that the network accepts."""

    native_size: tuple[int, int] | None = None
    """Height and width it was trained or, a published one, evaluated at; None: none of its own."""

    spec: ModelSpec | None = None
    load_report: LoadReport | None = None
    tells_other_size: bool = False
    """Whether the next forward pass at another size than `native_size` warns."""

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Predict from panoramas; see `pano_models.outputs` for the keys."""
        raise NotImplementedError

    def infer(self, image: Float[Tensor, "*b 3 h w"]) -> DepthMaps:
        """Predict as the network wants to be run: at `native_size`, without gradients.

        What `panodepth predict` writes comes from here. The network is put into evaluation mode.

        Args:
            image: One panorama or a batch, floating in [0, 1] or uint8, of any size.

        Returns:
            The maps at the size of `image`, (b, 1, h, w); `.values`, `.kind`, `.unit`, `.far`.

        Raises:
            ValueError: Not an image (b, 3, h, w) or (3, h, w) with pixels.
            PredictionError: The network returned NaN or infinity.
        """
        return Predictor(self)(image[None] if image.ndim == 3 else image)

    def save_pretrained(
        self, folder: str | PathLike[str], native_size: tuple[int, int] | None = None
    ) -> None:
        """Write `config.json` and `model.safetensors` into `folder` (the hub's layout).

        Args:
            folder: Made if it is missing; a folder never holds half a file.
            native_size: Height and width it was trained at; None: what it knows itself.

        Raises:
            ValueError: The network was not built by `create`.
        """
        if self.spec is None:
            raise ValueError(
                "only a model from pano_models.create can be saved: its options are known"
            )
        size = native_size or self.native_size
        write_folder(folder, self.spec.name, self.spec.config, self.state_dict(), size)

    @classmethod
    def from_pretrained(cls, model: str | PathLike[str]) -> Self:
        """Rebuild a network, in evaluation mode, from a folder or a hub id.

        Raises:
            ModelNotFoundError: Nothing there.
            CheckpointError: What is there is of another class, truncated, incomplete or not finite.
        """
        folder = find_folder(model)
        config = read_config(folder)
        try:
            with torch.random.fork_rng(devices=[]):  # building draws random weights
                network = create(config["name"], **config["config"])
        except (CheckpointError, ModelNotFoundError):
            raise
        except UNBUILDABLE as error:
            raise CheckpointError(
                f"the options of {config['name']} in {folder} build no network: {error}"
            ) from error
        if not isinstance(network, cls):
            raise CheckpointError(f"{model} holds a {type(network).__name__}, not a {cls.__name__}")
        fill(network, read_weights(folder))
        if config["native_size"] is not None:
            network.native_size = config["native_size"]
            network.tells_other_size = True
            network.register_forward_pre_hook(_warn_of_other_size)
        return network.eval()


UNBUILDABLE = (ValueError, TypeError, RuntimeError, KeyError, AttributeError, ArithmeticError)
"""What constructors raise at options of a damaged folder, e.g. a width of -1 or of 10^12."""


def _warn_of_other_size(network: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Say once that a trained network sees another size than in its training."""
    assert isinstance(network, DepthModel)
    if not network.tells_other_size or torch.compiler.is_compiling() or not inputs:
        return
    size = tuple(inputs[0].shape[-2:])
    if size != network.native_size:
        network.tells_other_size = False
        warnings.warn(
            f"this network was trained at {_show(network.native_size)} and sees {_show(size)}: its "
            "distances may be far off. network.infer(image) resizes to the trained size and back",
            stacklevel=4,
        )


def _show(size: Any) -> str:
    return "x".join(map(str, size))


def create(name: str, **config: Any) -> DepthModel:
    """Build the network `name`, with random weights unless an option names some.

    Args:
        name: One of `model_names()`.
        config: Options of the network: the keyword arguments of its class.

    Returns:
        The network; `model.spec` holds `name` and every option, defaults included, so that a saved
        folder still builds the same network when a default changes.

    Raises:
        ModelNotFoundError: Unknown name.
        ValueError: Unknown or unusable option.
    """
    builder = builder_of(name)
    resolved = _resolve(name, builder, config)
    model: DepthModel = builder(**resolved)
    model.spec = ModelSpec(name, resolved)
    return model


def _resolve(name: str, builder: Callable[..., Any], config: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(builder).parameters
    unknown = sorted(set(config) - set(parameters))
    if unknown:
        raise ValueError(
            f"{name} has no option {', '.join(unknown)}; options: {', '.join(parameters)}"
        )
    defaults = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    return {**defaults, **config}
