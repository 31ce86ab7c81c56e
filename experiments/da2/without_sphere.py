"""SphereViT without its spherical embedding: the second row of DA²'s Table 3."""

from torch import Tensor

from pano_geometry.tensor_types import Float
from pano_models import DA2, register


@register("da2_without_sphere")
class DA2WithoutSphere(DA2):
    """The same layers and the same number of weights, but the features attend to nothing.

    The keys and values of every cross-attention come from zeros instead of the angles of the
    sphere, so a token learns where it is only from the backbone's own positions. A folder of this
    network can be loaded wherever this module was imported before.

    Source: DA² (arXiv 2509.26618), Table 3 and Fig. 6 (a): "w/o E_sphere"; what stands in its place
        is not said.
    """

    def log_distance(
        self, rgb: Float[Tensor, "b 3 h w"], sphere_size: tuple[float, float] | None = None
    ) -> Float[Tensor, "b 1 h w"]:
        """See `DA2.log_distance`; the context is zero everywhere."""
        size = (rgb.shape[-2], rgb.shape[-1])
        rows, cols = self.backbone.grid(*size)
        levels = []
        for level, align, attend in zip(
            self.backbone(self.input(rgb)), self.aligners, self.attention, strict=True
        ):
            tokens: Tensor = align(level)
            levels.append(attend(tokens, tokens.new_zeros(1, rows * cols, tokens.shape[-1])))
        out: Tensor = self.head(levels, (rows, cols), size)
        return out
