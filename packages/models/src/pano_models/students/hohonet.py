"""HoHoNet for depth (Sun et al. 2021): the whole panorama as one sequence over azimuth.

Source: C. Sun et al., "HoHoNet: 360 Indoor Holistic Understanding with Latent Horizontal Features",
    CVPR 2021.
"""

import math
from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pano_geometry.pixels import centres
from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import build_encoder, run_encoder
from pano_models.layers.padding import (
    WrapConv1d,
    WrapConv2d,
    pad_on_sphere,
    wrap_columns,
    wrap_padding,
)
from pano_models.students.student import AFFINE_START, Student, run_at_height, set_initial_output


def upsample_azimuth(x: Float[Tensor, "b c *h w"], scale: int) -> Float[Tensor, "b c *h v"]:
    """Upsample the periodic last axis linearly by `scale`."""
    if scale == 1:
        return x
    flat = wrap_columns(x, 1).flatten(1, -2)
    fine = interpolate(flat, scale_factor=float(scale), mode="linear", align_corners=False)
    return fine[..., scale:-scale].reshape(*x.shape[:-1], -1)


class HeightCompression(nn.Module):
    """EHC: one pyramid level squeezed to a row of c / 4 channels, as wide as the finest level."""

    def __init__(self, channels: int, height: int, scale: int) -> None:
        super().__init__()
        out = channels // 4
        self.scale = scale
        self.conv1 = WrapConv2d(channels, out, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = WrapConv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.column = nn.Conv2d(out, out, (height, 1), groups=out, bias=False)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d 1 v"]:
        """Return the row of the level."""
        x = upsample_azimuth(self.bn1(self.conv1(x)).relu(), self.scale)
        row: Tensor = self.column(self.bn2(self.conv2(x)).relu())
        return row


class HorizonCompression(nn.Module):
    """Rows of four levels, mixed to one sequence of `width` channels."""

    def __init__(self, channels: Sequence[int], height: int, width: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            HeightCompression(c, height >> (2 + i), 1 << i) for i, c in enumerate(channels)
        )
        self.conv = nn.Conv2d(sum(c // 4 for c in channels), width, 1, bias=False)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, levels: Sequence[Tensor]) -> Float[Tensor, "b d w"]:
        """Return the sequence over azimuth of levels 1/4 … 1/32, finest first."""
        rows = [f(x) for f, x in zip(self.levels, levels, strict=True)]
        fused: Tensor = self.bn(self.conv(torch.cat(rows, dim=1))).relu()
        return fused[:, :, 0]


def azimuth_encoding(width: int, columns: int) -> Float[Tensor, "c w"]:
    """Return the sine and cosine table of absolute columns, base 10000 (Vaswani et al. 2017)."""
    position = torch.arange(columns, dtype=torch.float64)
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float64) * (-math.log(10000.0) / width))
    angle = rate[:, None] * position
    return torch.stack([angle.sin(), angle.cos()], dim=1).flatten(0, 1)[:width].float()


class RelativeAzimuth(nn.Module):
    """Attention bias by difference of azimuths: a short Fourier series per head, zero at first."""

    def __init__(self, heads: int, harmonics: int = 8) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(torch.zeros(heads, 2 * harmonics))
        self.harmonics = harmonics

    def forward(self, columns: int) -> Float[Tensor, "n w w"]:
        """Return the bias (heads, query, key)."""
        turn = torch.arange(columns, device=self.coefficients.device) * (2 * math.pi / columns)
        order = torch.arange(1, self.harmonics + 1, device=turn.device)
        phase = order[:, None] * turn
        series = self.coefficients @ torch.cat([phase.cos(), phase.sin()]).to(self.coefficients)
        index = torch.arange(columns, device=turn.device)
        return series[:, (index[None] - index[:, None]) % columns]


class AzimuthTransformer(nn.Module):
    """Self-attention over azimuth: absolute positions as released, or relative ones.

    Args:
        width: Channels.
        columns: Length of the sequence the absolute table is made for.
        heads: Attention heads.
        feedforward: Hidden channels of the MLP.
        layers: Encoder layers.
        relative: Bias by relative azimuth instead of the absolute table; rolling the sequence then
            rolls the result.
    """

    position: Tensor

    def __init__(
        self, width: int, columns: int, heads: int, feedforward: int, layers: int, relative: bool
    ) -> None:
        super().__init__()
        table = azimuth_encoding(width, columns)
        self.register_buffer("position", table, persistent=False)
        self.relative = RelativeAzimuth(heads) if relative else None
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, feedforward, norm_first=True)
            for _ in range(layers)
        )

    def forward(self, x: Float[Tensor, "b c w"]) -> Float[Tensor, "b c w"]:
        """Attend over the last axis."""
        bias = None
        if self.relative is None:
            x = x + self.position
        else:
            bias = self.relative(x.shape[-1]).repeat(x.shape[0], 1, 1)
        sequence = x.permute(2, 0, 1)
        for layer in self.layers:
            sequence = layer(sequence, src_mask=bias)
        return sequence.permute(1, 2, 0)


def cosine_basis(components: int, height: int) -> Float[Tensor, "k h"]:
    """Return the rows of the inverse DCT without normalisation: cos(k π (row + 1/2) / height)."""
    row = centres(height) * (math.pi / height)
    return torch.cos(torch.arange(components, dtype=torch.float64)[:, None] * row).float()


START = 0.1
"""Spread of a coefficient before training: columns start within a metre of the bias."""


class CosineColumns(nn.Module):
    """Columns of depth from coefficients of a cosine series."""

    basis: Tensor

    def __init__(self, width: int, components: int, height: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(width, width, 1)
        self.bn = nn.BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, components, 1, bias=False)
        nn.init.normal_(self.conv2.weight, std=START / math.sqrt(width / 2))
        self.bias = nn.Parameter(torch.full((1,), 2.5))
        self.register_buffer("basis", cosine_basis(components, height), persistent=False)

    def coefficients(self, latent: Float[Tensor, "b c w"]) -> Float[Tensor, "b k w"]:
        """Return the coefficients of the series of each column."""
        out: Tensor = self.conv2(self.bn(self.conv1(latent)).relu())
        return out

    def forward(self, latent: Float[Tensor, "b c w"]) -> Float[Tensor, "b 1 h w"]:
        """Return the map of unbounded values."""
        coefficients = self.coefficients(latent)
        # eight bits of a mixed-precision product are centimetres of depth
        with torch.autocast(latent.device.type, enabled=False):
            columns = torch.einsum("bkw,kh->bhw", coefficients.to(self.basis), self.basis)
            return (self.bias + columns)[:, None]


class HoHoNet(Student):
    """Panoramic depth by latent horizontal features.

    The height is part of the network: its column filters span whole columns. Pictures of another
    size are resized to it.

    Args:
        backbone: ResNet of timm, or "hardnet68", the authors' faster and more accurate variant.
        width: Multiplier of the ResNet's stages; 1 is the published network (49.47 M with ResNet-50
            and the defaults).
        height: Rows the network works on, a multiple of 32; published 512 and 256.
        horizon_channels: Channels of the sequence over azimuth.
        latent_channels: Channels of the latent horizontal feature.
        components: Cosine components of a column.
        heads: Attention heads.
        feedforward: Hidden channels of the transformer.
        layers: Transformer layers.
        head: "metric" gives `distance_metric` in metres, "affine" gives `disparity_affine`; both
            unbounded.
        normalizations: How often ImageNet statistics are applied; Depth Anywhere's checkpoints were
            trained with 2.
        precision: "float32", or "bfloat16": the encoder under autocast, the decoder in float32.
        equivariant: Exact sphere padding everywhere and relative azimuths in the attention.
        backbone_weights: A file of ImageNet weights for the encoder, or "timm"; see
            `load_encoders`. A saved folder holds its own: loading one ignores this option.

    Raises:
        ValueError: For an unknown `head`, a height that is no multiple of 32, or a HarDNet of
            another width.
        CheckpointError: `backbone_weights` do not fit the backbone or `width`.
    """

    encoder_name = "encoder"

    def __init__(
        self,
        backbone: str = "resnet50",
        width: float = 1.0,
        height: int = 512,
        horizon_channels: int = 1024,
        latent_channels: int = 256,
        components: int = 64,
        heads: int = 8,
        feedforward: int = 2048,
        layers: int = 1,
        head: str = "metric",
        normalizations: int = 1,
        precision: str = "float32",
        equivariant: bool = False,
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(head, precision, equivariant=equivariant)
        if height % 32 or height < 32:
            raise ValueError(f"height is {height}; expected a positive multiple of 32")
        self.height, self.normalizations = height, normalizations
        self.native_size = (height, 2 * height)
        self.encoder = build_encoder(backbone, width)
        self.compress = HorizonCompression(self.encoder.channels[1:], height, horizon_channels)
        wrap_padding(self.encoder)
        self.transformer = AzimuthTransformer(
            horizon_channels, height // 2, heads, feedforward, layers, equivariant
        )
        self.latent = nn.Sequential(
            WrapConv1d(horizon_channels, latent_channels, 3, padding=1, bias=False),
            nn.BatchNorm1d(latent_channels),
            nn.ReLU(),
        )
        self.columns = CosineColumns(latent_channels, components, height)
        if head == "affine":
            set_initial_output(self.columns, AFFINE_START)
        self._start_encoders(backbone_weights)
        if equivariant:
            pad_on_sphere(self)

    def _run(self, rgb: Tensor) -> Tensor:
        return run_at_height(self._predict, rgb, self.height)

    def _predict(self, rgb: Tensor) -> Tensor:
        for _ in range(self.normalizations):
            rgb = self.input(rgb)
        return self.predict_normalized(rgb)

    def predict_normalized(self, x: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """Predict from a picture that is normalised already and has the network's height."""
        sequence = self.transformer(self.compress(run_encoder(self.encoder, x, self.precision)[1:]))
        latent = self.latent(upsample_azimuth(sequence, 4))
        depth: Tensor = self.columns(latent)
        return depth
