"""Cross-attention from image tokens to the spherical embedding."""

from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.layers.rotary import rotate


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
        self.heads, self.head_dim = heads, dim // heads
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
        self,
        x: Float[Tensor, "b n c"],
        context: Float[Tensor, "#b m c"],
        rope: Float[Tensor, "n e"] | None = None,
    ) -> Float[Tensor, "b n c"]:
        """Attend from `x` to `context`; a context of batch 1 serves the whole batch.

        Args:
            x: Tokens.
            context: As many tokens as `x` where there is a `rope`.
            rope: Rotary table of the tokens: azimuth enters as a difference of columns.
        """
        query = self._split(self.query(self.norm_x(x)))
        context = context.to(self.norm_context.weight.dtype)
        pair = self.key_value(self.norm_context(context)).chunk(2, -1)
        key, value = self._split(pair[0]), self._split(pair[1])
        if rope is not None:
            query, key = rotate(query, rope), rotate(key, rope)
        shape = (x.shape[0], -1, -1, -1)
        attended = functional.scaled_dot_product_attention(
            query, key.expand(shape), value.expand(shape)
        )
        x = x + self.out(attended.transpose(1, 2).flatten(2))
        out: Tensor = x + self.mlp(x)
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)
