"""The perspective teacher that a configuration names."""

import torch
from torch import Tensor, nn

import pano_models
from pano_geometry.tensor_types import Float
from pano_models.teachers.hub import load_teacher


class FolderTeacher(nn.Module):
    """A teacher of ours, from its training's folder.

    Args:
        model: Folder under `runs/`.
        mirror: Average with the opinion of the mirrored view, for twice the time. A network of few
            pictures is less sure than a foundation model: its errors on the two differ.
    """

    def __init__(self, model: str, mirror: bool = False) -> None:
        super().__init__()
        self.net = pano_models.load(model).to(memory_format=torch.channels_last)  # 1.8x faster
        self.mirror = mirror

    def forward(self, views: Float[Tensor, "n 3 f f"]) -> dict[str, Tensor]:
        """Return the relative disparity of views."""
        prediction: dict[str, Tensor] = self.net(views)
        if not self.mirror:
            return prediction
        mirrored: dict[str, Tensor] = self.net(views.flip(-1))
        return {key: (map_ + mirrored[key].flip(-1)) / 2 for key, map_ in prediction.items()}


class HubTeacher(nn.Module):
    """A published perspective model that transformers loads, from a local folder or the hub.

    Args:
        model: Folder in the hub's layout, or a hub id, e.g. of Depth Anything ViT-L.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self.net = load_teacher(model)

    def forward(self, views: Float[Tensor, "n 3 f f"]) -> dict[str, Tensor]:
        """Relative disparity of views."""
        prediction: dict[str, Tensor] = self.net(views)
        return prediction
