"""Cross-attention from image tokens to the spherical embedding."""

from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float


class CrossAttentionBlock(nn.Module):
    """Tokens attend to a context, then pass an MLP; both with a residual path.

    `x + Wo softmax(q kᵀ / √d) v`, `q = Wq LN(x)`, `[k|v] = Wkv LN(context)`, all without bias, then
    `y + MLP(LN(y))` with exact GELU.

    Source: DA², equation 8 (one head, no norms there); the released network has 8 heads, the
    norms, the output projection and the MLP.
    """

    def __init__(self, dim: int, heads: int, expansion: int = 4) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"width {dim} is not a multiple of {heads} heads")
        self.heads = heads
        self.norm_x = nn.LayerNorm(dim)
        self.norm_context = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim, bias=False)
        self.key_value = nn.Linear(dim, 2 * dim, bias=False)
        self.out = nn.Linear(dim, dim, bias=False)
        self.mlp = nn.Sequential(
            nn.LayerNorm(dim),
            nn.Linear(dim, expansion * dim),
            nn.GELU(),
            nn.Linear(expansion * dim, dim),
        )

    def forward(
        self, x: Float[Tensor, "b n c"], context: Float[Tensor, "#b m c"]
    ) -> Float[Tensor, "b n c"]:
        """Attend from `x` to `context`; a context of batch 1 serves the whole batch."""
        query = self._split(self.query(self.norm_x(x)))
        key, value = self.key_value(self.norm_context(context)).chunk(2, -1)
        shape = (len(x), -1, -1, -1)
        key, value = self._split(key).expand(shape), self._split(value).expand(shape)
        attended = functional.scaled_dot_product_attention(query, key, value)
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(x)
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
