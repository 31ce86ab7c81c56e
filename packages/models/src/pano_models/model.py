"""The base of every network here: it knows the name and the options it was built from."""

from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Self

from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.outputs import Prediction


@dataclass(frozen=True)
class ModelSpec:
    """What rebuilds a network: `create(spec.name, **spec.config)`. JSON-able."""

    name: str
    config: dict[str, Any] = field(default_factory=dict)


class DepthModel(nn.Module):
    """A panoramic depth network: RGB in [0, 1] in, a dict of maps out.

    `spec` is filled in by `pano_models.create`; without it a network can be run but not saved.
    """

    spec: ModelSpec | None = None

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
            CheckpointError: what is there is of another class, truncated or incomplete.
        """
        from pano_models.weights.folder import load_pretrained

        return load_pretrained(model, cls)
