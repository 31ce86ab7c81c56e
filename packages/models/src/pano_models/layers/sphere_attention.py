"""DA²'s spherical embedding of a grid of patches, and the attention of image tokens to it."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.pixels import FULL_TURN, HALF_TURN, angle_of, centre_angles, centres
from pano_geometry.tensor_types import Float
from pano_models.layers.rotary import rotate

RELEASED_FOV = (6.2832, 3.1416)
"""Horizontal and vertical field of view (radians) as the release's configuration rounds them."""


def released_angles(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float]
) -> Float[Tensor, "n 2"]:
    """Return (latitude, azimuth) of the top-left pixel of each patch, radians, float32.

    Args:
        rows: Patches down.
        cols: Patches across.
        patch: Side of a patch in pixels.
        sphere_size: Height and width in pixels of the panorama that the image is taken to be the
            top-left part of. The release uses its configured size; the image's own size is right.

    Returns:
        `(rows * cols, 2)`, row-major: latitude in [-π/2, π/2], positive DOWN; azimuth in (-π, π],
        0 at the centre column, positive right.

    Source: DA² release; the paper (section 3.2) has colatitude and azimuth from the left edge.
    """
    height, width = sphere_size
    down = angle_of(centres(rows * patch)[::patch] / height, 1, RELEASED_FOV[1]).float()
    right = angle_of(centres(cols * patch)[::patch] / width, 1, RELEASED_FOV[0]).float()
    lat, lon = torch.meshgrid(down, right, indexing="ij")
    # Through the unit vector, as the release does: angles beyond the sphere fold back.
    x, y, z = lat.cos() * lon.sin(), lat.sin(), lat.cos() * lon.cos()
    z = torch.where(z < 0, -1.0, 1.0) * z.abs().clamp(min=1e-5)
    return torch.stack([torch.asin(y.clamp(-1, 1)), torch.atan2(x, z)], -1).flatten(0, 1)


def released_embedding(
    angles: Float[Tensor, "n 2"], dim: int, max_frequency: int
) -> Float[Tensor, "n d"]:
    """Return the sines of both angles at `dim / 2` frequencies from π to `max_frequency` π.

    Source: DA² release (the paper's equation 7 has sine and cosine and no factor π).
    """
    exponents = torch.linspace(0.0, math.log2(max_frequency), dim // 2)
    return torch.sin(angles[..., None] * (2.0**exponents * math.pi)).flatten(1)


def paper_angles(rows: int, cols: int) -> Float[Tensor, "n 2"]:
    """Return (azimuth in [0, 2π), colatitude in [0, π]) of the patch centres, radians, row-major.

    Source: DA², section 3.2: φ = 2πu/W, θ = πv/H, here at the patch centres.
    """
    phi = centre_angles(cols, FULL_TURN) + HALF_TURN
    theta = centre_angles(rows, HALF_TURN) + HALF_TURN / 2
    grid = torch.meshgrid(theta, phi, indexing="ij")
    return torch.stack(grid[::-1], -1).flatten(0, 1).float()


def paper_embedding(
    angles: Float[Tensor, "n a"], dim: int, base_frequency: int
) -> Float[Tensor, "n d"]:
    """Return the sine and cosine of each angle at geometric frequencies `base^(k/bands)`, k from 0.

    Channels run over angles, then bands, then (sine, cosine).

    Args:
        angles: Any number of angles per row, radians.
        dim: Channels, a multiple of twice the number of angles.
        base_frequency: Rows of patches; reached only in the limit (the last band is below it).

    Source: DA², equation 7.
    """
    bands = dim // (2 * angles.shape[-1])
    frequencies = base_frequency ** (torch.arange(bands) / bands)
    phase = angles[..., None] * frequencies
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(1)


def paper_context(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float], dim: int
) -> Float[Tensor, "n d"]:
    """Return the printed embedding of a grid over the sphere (`patch`, `sphere_size` unused)."""
    return paper_embedding(paper_angles(rows, cols), dim, rows)


def released_context(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float], dim: int
) -> Float[Tensor, "n d"]:
    """Return the released embedding; the top frequency is half of the longer side of the grid."""
    angles = released_angles(rows, cols, patch, sphere_size)
    return released_embedding(angles, dim, max(rows, cols) // 2)


def latitude_context(
    rows: int, cols: int, patch: int, sphere_size: tuple[float, float], dim: int
) -> Float[Tensor, "n d"]:
    """Return the printed embedding of colatitude alone, for networks with relative azimuth."""
    return paper_embedding(paper_angles(rows, cols)[:, 1:], dim, rows)


CONTEXTS: dict[str, Callable[..., Tensor]] = {
    "paper": paper_context,
    "released": released_context,
    "latitude": latitude_context,
}
"""Ways to embed the angles of a grid: `(rows, cols, patch, sphere_size, dim)` -> `(n, dim)`."""


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
