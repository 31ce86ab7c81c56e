"""PatchGAN discriminator: does a distance map look rendered, or labelled by a network?"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from pano_geometry.padding import pad
from pano_geometry.pixels import HALF_TURN, centre_angles
from pano_geometry.tensor_types import Bool, Float

NEAR = 0.01
QUANTILE = 0.98


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a map; with 3 layers each sees 70 x 70 pixels.

    Padding follows the sphere, so the seam is no clue. Instance norm (none in the first layer)
    keeps one map's verdict independent of the batch.

    Args:
        in_channels: 1 for the normalised distance alone; 4 with RGB in front.
        width: Channels of the first layer; doubled up to eightfold.
        layers: Strided layers.
        spectral_norm: Bound each layer's Lipschitz constant.

    Source: Isola et al. 2017 (PatchGAN, 70 x 70). DAP names it and gives no layers.
    """

    def __init__(
        self,
        in_channels: int = 1,
        width: int = 64,
        layers: int = 3,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"at least one strided layer, got {layers}")
        channels = [in_channels, *(width * min(2**i, 8) for i in range(layers + 1))]
        blocks: list[nn.Module] = []
        for i, (c_in, c_out) in enumerate(pairwise(channels)):
            stride = 2 if i < layers else 1
            blocks += [PaddedConv(c_in, c_out, stride, spectral_norm)]
            blocks += [nn.InstanceNorm2d(c_out)] if i else []
            blocks += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*blocks, PaddedConv(channels[-1], 1, 1, spectral_norm))
        self.in_channels = in_channels

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 i j"]:
        """Return logits per patch, positive for "real".

        Raises:
            ValueError: Channels other than `in_channels`.
        """
        if maps.ndim != 4 or maps.shape[1] != self.in_channels:
            raise ValueError(
                f"expected (b, {self.in_channels}, h, w), got {tuple(maps.shape)}: "
                "normalise the distance with normalize_distance, put RGB in front if it is used"
            )
        out: Tensor = self.layers(maps)
        return out

    def score(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
        """Rate each map in [0, 1]: the mean over patches of the probability of "real".

        Rows count by the cosine of their latitude, i.e. by the area they cover on the sphere.
        """
        real = self(maps).sigmoid().mean(-1)[:, 0]
        rows = real.shape[-1]
        area = centre_angles(rows, HALF_TURN, real.device).cos().to(real.dtype)
        weighted: Tensor = (real * area).sum(-1) / area.sum()
        return weighted


class PaddedConv(nn.Module):
    """A 4 x 4 convolution on a map padded by one pixel as on the sphere."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, spectral: bool) -> None:
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels, 4, stride)
        self.conv = nn.utils.parametrizations.spectral_norm(conv) if spectral else conv

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """Pad, convolve."""
        out: Tensor = self.conv(pad(x, 1))
        return out


def normalize_distance(
    distance: Float[Tensor, "b 1 h w"], valid: Bool[Tensor, "b 1 h w"]
) -> Float[Tensor, "b 1 h w"]:
    """Bring a distance map to [0.01, 1] by its own 0.98 quantile; 0 where not valid.

    Both the truth and a labeller's map pass this, so that the discriminator judges shape, not
    scale. Values under the mask, NaN included, change neither result nor gradient.

    Args:
        distance: Metres or any scale.
        valid: Pixels that count; a map without any becomes 0.

    Source: DAP release, leftovers of the discriminator's data reader: (d - 0.01) / (q98 - 0.01).
    """
    near = torch.where(valid, distance, NEAR)
    top = torch.stack([_quantile(d[v]) for d, v in zip(near, valid, strict=True)])
    scaled = (near - NEAR) / (top.view(-1, 1, 1, 1) - NEAR).clamp(min=1e-6)
    return torch.where(valid, scaled.clamp(NEAR, 1), 0)


def _quantile(values: Tensor) -> Tensor:
    return values.detach().quantile(QUANTILE) if values.numel() else values.new_tensor(1.0)
