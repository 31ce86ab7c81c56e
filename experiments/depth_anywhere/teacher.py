"""The perspective teacher that a configuration names."""

import torch
from torch import Tensor, nn

import pano_models
from pano_geometry.tensor_types import Float
from pano_models import load_teacher
from pano_models.layers.padding import resize


class FolderTeacher(nn.Module):
    """A teacher of ours, from its folder.

    Args:
        model: Folder under `runs/` or in the box of `pano_models`.
        mirror: Average with the opinion of the mirrored view, for twice the time. A network of few
            pictures is less sure than a foundation model: its errors on the two differ.
        size: Side in pixels that the network sees views at; None: as they are cut.
    """

    def __init__(self, model: str, mirror: bool = False, size: int | None = None) -> None:
        super().__init__()
        self.net = pano_models.load(model).to(memory_format=torch.channels_last)  # 1.8x faster
        self.net.tells_other_size = False  # `size` is chosen, not met by chance
        self.mirror, self.size = mirror, size

    def forward(self, views: Float[Tensor, "n 3 f f"]) -> dict[str, Tensor]:
        """Return the relative disparity of views."""
        seen = resize(views, (self.size or views.shape[-1],) * 2)
        prediction: dict[str, Tensor] = self.net(seen)
        if self.mirror:
            mirrored: dict[str, Tensor] = self.net(seen.flip(-1))
            prediction = {k: (map_ + mirrored[k].flip(-1)) / 2 for k, map_ in prediction.items()}
        size = views.shape[-2:]
        return {k: resize(map_, size, antialias=True) for k, map_ in prediction.items()}


class HubTeacher(nn.Module):
    """A published perspective model that transformers loads, from a local folder or the hub.

    Args:
        model: Folder in the hub's layout, or a hub id, e.g. of Depth Anything ViT-L.
    """

    def __init__(self, model: str) -> None:
        super().__init__()
        self.net = load_teacher(model)

    def forward(self, views: Float[Tensor, "n 3 f f"]) -> dict[str, Tensor]:
        """Return the relative disparity of views."""
        prediction: dict[str, Tensor] = self.net(views)
        return prediction
