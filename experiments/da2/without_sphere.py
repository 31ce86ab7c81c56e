"""SphereViT without its spherical embedding: the second row of DA²'s Table 3."""

from typing import Any

import torch

from pano_models import DA2
from pano_models.layers.tables import TableCache
from pano_models.registry import register


@register("da2_without_sphere")
class DA2WithoutSphere(DA2):
    """The same layers and the same number of weights, but the features attend to nothing.

    The keys and values of every cross-attention come from zeros instead of the angles of the sphere,
    so a token learns where it is only from the backbone's own positions. A folder of this network
    can be loaded wherever this module was imported before.

    Args:
        **options: See `DA2`.

    Source: DA² (arXiv 2509.26618), Table 3 and Fig. 6 (a): "w/o E_sphere"; what stands in its place is not said.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        embedding = self._context.build
        self._context = TableCache(lambda *grid: torch.zeros_like(embedding(*grid)))
