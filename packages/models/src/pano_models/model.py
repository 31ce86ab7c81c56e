"""The base of every network here: it knows the name and the options it was built from."""

from dataclasses import dataclass, field
from os import PathLike
from typing import Any, ClassVar, Self

from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.outputs import Prediction
from pano_models.weights.strict import LoadReport


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
    """Height and width at which a published network was evaluated; None: it has none of its own."""

    spec: ModelSpec | None = None
    load_report: LoadReport | None = None

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Prediction:
        """Predict from panoramas; see `pano_models.outputs` for the keys."""
        raise NotImplementedError

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json` and `model.safetensors` into `folder` (the hub's layout)."""
        from pano_models.weights.folder import save  # the folder layout knows this class

        save(self, folder)

    @classmethod
    def from_pretrained(cls, model: str | PathLike[str]) -> Self:
        """Rebuild a network from a folder or a hub id.

        Raises:
            ModelNotFoundError: nothing there.
            CheckpointError: what is there is of another class, truncated, incomplete or not finite.
        """
        from pano_models.weights.folder import load_as

        return load_as(model, cls)
