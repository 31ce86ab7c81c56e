"""PatchGAN discriminators: does a distance map fit its picture as a rendered one does?"""

from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.padding import pad
from pano_geometry.pixels import HALF_TURN, centre_angles
from pano_geometry.tensor_types import Bool, Float
from pano_models.backbones.encoders import build_encoder
from pano_models.inputs import RgbInput
from pano_models.layers.padding import conv2d

NEAR = 0.01
QUANTILE = 0.98
OCTAVES = 3.0
"""Doublings on either side of the median that `scale="log"` tells apart."""

DistanceScale = Literal["linear", "log"]


class PatchDiscriminator(nn.Module):
    """Judges overlapping patches of a map and its picture.

    A patch is 34 x 34 pixels with 2 layers and 70 x 70 with 3: it has to fit the map several times.

    Padding follows the sphere, so the seam is no clue. Instance norm (none in the first layer)
    or none keeps one map's verdict independent of the batch.

    Args:
        in_channels: 4: RGB and the normalised distance; 1: the distance alone.
        width: Channels of the first layer; doubled up to eightfold.
        layers: Strided layers.
        spectral_norm: Bound each layer's Lipschitz constant.
        instance_norm: As in pix2pix; without it the judge sees how far things are from the median.
        scale: See `normalize_distance`.

    Source: Isola et al. 2017 (conditional PatchGAN, 70 x 70). DAP names it and gives no layers.
    """

    def __init__(
        self,
        in_channels: int = 4,
        width: int = 64,
        layers: int = 3,
        spectral_norm: bool = False,
        instance_norm: bool = True,
        scale: DistanceScale = "linear",
    ) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f"at least one strided layer, got {layers}")
        if in_channels not in (1, 4):
            raise ValueError(f"in_channels is 4 (RGB and distance) or 1, got {in_channels}")
        channels = [in_channels, *(width * min(2**i, 8) for i in range(layers + 1))]
        blocks: list[nn.Module] = []
        for i, (c_in, c_out) in enumerate(pairwise(channels)):
            stride = 2 if i < layers else 1
            blocks += [PaddedConv(c_in, c_out, stride, spectral_norm)]
            blocks += [nn.InstanceNorm2d(c_out)] if i and instance_norm else []
            blocks += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*blocks, PaddedConv(channels[-1], 1, 1, spectral_norm))
        self.in_channels = in_channels
        self.scale: DistanceScale = scale

    def view(
        self,
        image: Float[Tensor, "b 3 h w"],
        distance: Float[Tensor, "b 1 h w"],
        known: Bool[Tensor, "b 1 h w"],
        far: Bool[Tensor, "b 1 h w"],
    ) -> Float[Tensor, "b c h w"]:
        """Prepare a labelled panorama for `forward` and `score`.

        Args:
            image: RGB in [0, 1].
            distance: Metres or any scale; anything where far or not known.
            known: True where the label says something, be it a distance or "far".
            far: True where it says sky or beyond range: more than any distance.
        """
        maps = normalize_distance(distance, known & ~far, self.scale)
        maps = torch.where(known & far, 1.0, maps)
        return maps if self.in_channels == 1 else torch.cat([2 * image - 1, maps], 1)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 i j"]:
        """Return logits per patch, positive for "real".

        Raises:
            ValueError: Channels other than `in_channels`.
        """
        if maps.ndim != 4 or maps.shape[1] != self.in_channels:
            raise ValueError(
                f"expected (b, {self.in_channels}, h, w), got {tuple(maps.shape)}: "
                "prepare picture and distance with `view`"
            )
        out: Tensor = self.layers(maps)
        return out

    def score(
        self, maps: Float[Tensor, "b c h w"], counted: Bool[Tensor, "b 1 h w"] | None = None
    ) -> Float[Tensor, " b"]:
        """Rate each map: the mean over patches of the logit, which rises with "real".

        Rows count by the cosine of their latitude, i.e. by the area they cover on the sphere.

        Args:
            maps: See `view`.
            counted: Pixels whose patches count, each by its share of them, e.g. those with a
                distance: the sky is easy, and its share would decide the order. None: all.
        """
        real = self(maps)
        rows, columns = real.shape[-2:]
        area = centre_angles(rows, HALF_TURN, real.device).cos().to(real.dtype)[:, None]
        weight = area.expand_as(real)
        if counted is not None:
            share = functional.adaptive_avg_pool2d(counted.to(real.dtype), (rows, columns))
            weight = weight * share
        total = (real * weight).flatten(1).sum(1)
        score: Tensor = total / weight.flatten(1).sum(1).clamp(min=1e-6)
        return score


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
    distance: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    scale: DistanceScale = "linear",
) -> Float[Tensor, "b 1 h w"]:
    """Bring a distance map to [0.01, 1] by its own values; 0 where not valid.

    Both the truth and a labeller's map pass this, so that the discriminator judges shape, not
    scale. Values under the mask, NaN included, change neither result nor gradient.

    Args:
        distance: Metres or any scale.
        valid: Pixels that count; a map without any becomes 0.
        scale: "linear": divided by the 0.98 quantile. "log": logarithm of the distance over its
            median, three doublings to either side; errors weigh as in AbsRel, near and far alike.

    Source: DAP release, leftovers of the discriminator's data reader: (d - 0.01) / (q98 - 0.01).
    The logarithm is ours.
    """
    near = torch.where(valid, distance, NEAR)
    quantile = QUANTILE if scale == "linear" else 0.5
    by = [_quantile(d[v], quantile) for d, v in zip(near, valid, strict=True)]
    one = torch.stack(by).view(-1, 1, 1, 1)
    if scale == "linear":
        scaled = (near - NEAR) / (one - NEAR).clamp(min=1e-6)
    else:
        scaled = 0.5 + (near / one).clamp(min=1e-6).log2() / (2 * OCTAVES)
    return torch.where(valid, scaled.clamp(NEAR, 1), 0)


def _quantile(values: Tensor, quantile: float) -> Tensor:
    return values.detach().quantile(quantile) if values.numel() else values.new_tensor(1.0)


STRIDE = 8
LEVELS = (2, 3)
"""Of the encoder's maps: strides 8 and 16."""


class EncoderDiscriminator(PatchDiscriminator):
    """Judges patches of 8 x 8 pixels and their neighbours, knowing what the picture shows there.

    A judge that starts from nothing learns little about pictures from a few hundred labels. This
    one is given the maps of a trained encoder, e.g. the labeler's own (`copy_encoder`), normalised
    to mean 0 and standard deviation 1 for each panorama, and learns only how a distance fits them.

    Args:
        backbone: Name of the encoder, see `build_encoder`; its weights are never trained.
        width: Channels of the layers that judge.
        scale: See `normalize_distance`.

    Source: the idea is that of Projected GANs (arXiv 2111.01007); DAP names a PatchGAN.
    """

    def __init__(
        self, backbone: str = "efficientnet_lite0", width: int = 64, scale: DistanceScale = "log"
    ) -> None:
        super().__init__(in_channels=4, width=1, layers=1, scale=scale)
        self.input = RgbInput()
        encoder: Any = build_encoder(backbone)
        self.encoder = encoder.requires_grad_(False).eval()
        seen = sum(encoder.channels[level] for level in LEVELS) + STRIDE**2
        self.layers = nn.Sequential(
            nn.Conv2d(seen, width, 1),
            nn.LeakyReLU(0.2),
            conv2d(width, width, padding="sphere"),
            nn.LeakyReLU(0.2),
            conv2d(width, width, padding="sphere"),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width, 1, 1),
        )

    def copy_encoder(self, encoder: nn.Module) -> None:
        """Take over the weights of an encoder of the same kind."""
        self.encoder.load_state_dict(encoder.state_dict())

    def train(self, mode: bool = True) -> "EncoderDiscriminator":
        """Switch the mode; the encoder keeps its batch statistics."""
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, maps: Float[Tensor, "b 4 h w"]) -> Float[Tensor, "b 1 i j"]:
        """Return a score for each cell of 8 x 8 pixels; sides are multiples of 32."""
        with torch.no_grad():
            found = self.encoder(self.input((maps[:, :3] + 1) / 2))
            size = found[LEVELS[0]].shape[-2:]
            resized = [
                functional.interpolate(found[level], size, mode="bilinear") for level in LEVELS
            ]
            picture = functional.instance_norm(torch.cat(resized, 1))
        distance = functional.pixel_unshuffle(maps[:, 3:], STRIDE)
        out: Tensor = self.layers(torch.cat([picture, distance], 1))
        return out
