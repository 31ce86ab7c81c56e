"""EGformer: a U-shaped transformer whose attention follows rows and columns of the panorama.

Source: I. Yun et al., "EGformer: Equirectangular Geometry-biased Transformer for 360 Depth
    Estimation", ICCV 2023.
"""

from collections.abc import Sequence
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import ConvEncoder, build_encoder, run_encoder
from pano_models.layers.padding import SphereUpsample, pad_on_sphere
from pano_models.students.egformer.attention import (
    Axis,
    EquirectangularAttention,
    EquirectangularBlock,
)
from pano_models.students.egformer.panoformer import PanoFormerBlock, TangentAttention
from pano_models.students.student import AFFINE_START, Student, set_initial_output


class ConvNorm(nn.Module):
    """3x3 convolution, GELU and LayerNorm: (b, h, w, c) maps in and out."""

    def __init__(self, c_in: int, c_out: int, stride: int = 1, activation: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, padding=1)
        self.norm = nn.LayerNorm(c_out)
        self.activation = activation

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b u v d"]:
        """Convolve `x`."""
        x = self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        out: Tensor = self.norm(gelu(x) if self.activation else x)
        return out


class Upsample(ConvNorm):
    """Nearest doubling, then `ConvNorm`."""

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b u v d"]:
        """Double the grid of `x`."""
        return super().forward(x.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2))


class DepthReadout(nn.Module):
    """Full-size map of one channel from the finest features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.upsample: nn.Module = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv3 = nn.Conv2d(channels, 1, 1)

    def forward(self, x: Float[Tensor, "b h w c"]) -> Float[Tensor, "b 1 u v"]:
        """Return the unbounded values at twice the grid of `x`."""
        x = self.upsample(self.conv1(x.permute(0, 3, 1, 2)))
        out: Tensor = self.conv3(self.conv2(x).relu())
        return out


class ImageFeatures(nn.Module):
    """Maps of a convolutional encoder at 1/2 … 1/32, each with the channels of the pyramid there.

    Args:
        encoder: Five maps, finest first.
        dims: Channels of the pyramid's five grids, finest first.
    """

    def __init__(self, encoder: ConvEncoder, dims: Sequence[int]) -> None:
        super().__init__()
        self.encoder = encoder
        self.project = nn.ModuleList(
            nn.Sequential(nn.Linear(c, dim), nn.LayerNorm(dim))
            for c, dim in zip(encoder.channels, dims, strict=True)
        )

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b u v c"]]:
        """Return the maps of normalised pictures, finest first."""
        maps = self.encoder(x)
        return [f(m.permute(0, 2, 3, 1)) for f, m in zip(self.project, maps, strict=True)]


class RowColumnPyramid(nn.Module):
    """The U-shaped transformer: four levels down, a bottleneck, four levels up.

    Args:
        embed_dim: Channels of the finest level.
        drop_path: Largest rate of stochastic depth.
        faithful: See `EquirectangularAttention`.
        encoder: Its maps are added where the pyramid enters a grid; None: as published.
    """

    def __init__(
        self, embed_dim: int, drop_path: float, faithful: bool, encoder: ConvEncoder | None = None
    ) -> None:
        super().__init__()
        dims = [embed_dim << i for i in range(5)]
        self.image = None if encoder is None else ImageFeatures(encoder, dims)
        self.patch_embed = ConvNorm(3, embed_dim, stride=2, activation=False)
        self.encoder = _encoder_stages(dims, drop_path, faithful)
        self.downsample = nn.ModuleList(ConvNorm(dims[i], dims[i + 1], stride=2) for i in range(4))
        self.bottleneck = _row_column(dims[4], 16, _rates(drop_path, 16), faithful)
        self.upsample = nn.ModuleList(Upsample(dims[4 - i], dims[3 - i]) for i in range(4))
        self.decoder = _decoder_stages(dims, drop_path, faithful)
        self.tune = nn.ModuleList(ConvNorm(2 * dims[3 - i], dims[3 - i]) for i in range(4))

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Return the maps (b, c, h, w) at 1/16, 1/8, 1/4 and 1/2 of normalised pictures."""
        features = [None] * 5 if self.image is None else self.image(x)
        x = self.patch_embed(x.permute(0, 2, 3, 1))
        skips: list[Tensor] = []
        for stage, down, feature in zip(self.encoder, self.downsample, features[:4], strict=True):
            skips.append(stage(_plus(x, feature)))
            x = down(skips[-1])
        x = self.bottleneck(_plus(x, features[4]))
        levels: list[Tensor] = []
        for up, stage, tune in zip(self.upsample, self.decoder, self.tune, strict=True):
            x = tune(torch.cat([skips.pop(), stage(up(x))], dim=-1))
            levels.append(x.permute(0, 3, 1, 2))
        return levels


class EGFormer(Student):
    """Panoramic depth by attention along rows and columns.

    Args:
        embed_dim: Channels of the finest level; 32 is the published network (15.39 M).
        head: "metric" gives `distance_metric` = max_depth · sigmoid in metres, "affine" gives
            `disparity_affine`, unbounded.
        max_depth: Upper end of the metric output.
        normalize: Apply ImageNet statistics; the original network was trained without, Depth
            Anywhere's with.
        drop_path: Largest rate of stochastic depth.
        max_height: Larger panoramas are run at this height, and the map is brought back; None: at
            their own.
        precision: "float32", or "bfloat16": the pyramid under autocast, the decoder in float32.
        faithful: The release's batch-wide importance and token order (see
            `EquirectangularAttention`).
        equivariant: Rolling the input by a multiple of 32 columns rolls the output: exact sphere
            padding everywhere, periodic positions along rows, and tangent kernels that continue
            across the seam and the poles. Parameters are the same.
        backbone: A convolutional encoder (see `encoders.build_encoder`) whose five maps are added
            to the pyramid's at the same grids, so that the network can start from ImageNet's
            features as the other students do; ours, not published. None: the published network.
        backbone_weights: A file of ImageNet weights for the encoder, a package, or "timm"; see
            `load_encoders`. A saved folder holds its own: loading one ignores this option.

    Raises:
        ValueError: For an unknown `head` or `backbone`, `faithful` together with `equivariant` or
            with a `backbone`, or `backbone_weights` without a `backbone`.
        CheckpointError: `backbone_weights` do not fit the backbone.
    """

    encoder_name = "pyramid"

    def __init__(
        self,
        embed_dim: int = 32,
        head: str = "metric",
        max_depth: float = 8.0,
        normalize: bool = True,
        drop_path: float = 0.1,
        max_height: int | None = None,
        precision: str = "float32",
        faithful: bool = False,
        equivariant: bool = False,
        backbone: str | None = None,
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(head, precision, max_height, normalize, faithful, equivariant)
        if faithful and backbone is not None:
            raise ValueError(f"faithful is the release, which has no backbone; got {backbone!r}")
        self.max_depth = max_depth
        encoder = None if backbone is None else build_encoder(backbone)
        self.pyramid = RowColumnPyramid(embed_dim, drop_path, faithful, encoder)
        self.tune_final = ConvNorm(embed_dim, embed_dim)
        self.readout = DepthReadout(embed_dim)
        self.apply(_initialize)
        if head == "affine":
            set_initial_output(self.readout.conv3, AFFINE_START)
        self._start_encoders(backbone_weights)
        if equivariant:
            self._close_the_sphere()

    def _close_the_sphere(self) -> None:
        pad_on_sphere(self)
        self.readout.upsample = SphereUpsample()
        for module in self.modules():
            if isinstance(module, EquirectangularAttention | TangentAttention):
                module.periodic = True

    def _predict(self, rgb: Tensor) -> Tensor:
        finest = run_encoder(self.pyramid, self.input(rgb), self.precision)[-1]
        raw: Tensor = self.readout(self.tune_final(finest.permute(0, 2, 3, 1)))
        return raw if self.head == "affine" else self.max_depth * raw.sigmoid()


def _plus(x: Tensor, feature: Tensor | None) -> Tensor:
    return x if feature is None else x + feature


def _rates(largest: float, first: int) -> tuple[float, float]:
    """Return the stochastic depth of the two slots from `first` of eighteen."""
    return largest * first / 17, largest * (first + 1) / 17


def _row_column(dim: int, heads: int, rates: tuple[float, float], faithful: bool) -> nn.Sequential:
    axes: tuple[Axis, Axis] = ("horizontal", "vertical")
    return nn.Sequential(
        *(
            EquirectangularBlock(dim, heads, axis, rate, faithful)
            for axis, rate in zip(axes, rates, strict=True)
        )
    )


def _tangent_column(
    dim: int, heads: tuple[int, int], rates: tuple[float, float, float], faithful: bool
) -> nn.Sequential:
    """Run two PanoFormer blocks, then attention along columns."""
    return nn.Sequential(
        nn.Sequential(*(PanoFormerBlock(dim, heads[0], rate) for rate in rates[:2])),
        EquirectangularBlock(dim, heads[1], "vertical", rates[2], faithful),
    )


def _encoder_stages(dims: list[int], drop: float, faithful: bool) -> nn.ModuleList:
    return nn.ModuleList(
        [
            _tangent_column(dims[0], (1, 1), (0.0, drop / 7, _rates(drop, 0)[1]), faithful),
            _tangent_column(
                dims[1], (2, 2), (2 * drop / 7, 3 * drop / 7, _rates(drop, 2)[1]), faithful
            ),
            _row_column(dims[2], 4, _rates(drop, 4), faithful),
            _row_column(dims[3], 8, _rates(drop, 6), faithful),
        ]
    )


def _decoder_stages(dims: list[int], drop: float, faithful: bool) -> nn.ModuleList:
    return nn.ModuleList(
        [
            _row_column(dims[3], 8, _rates(drop, 8), faithful),
            _row_column(dims[2], 4, _rates(drop, 10), faithful),
            _tangent_column(
                dims[1], (4, 2), (3 * drop / 7, 2 * drop / 7, _rates(drop, 12)[1]), faithful
            ),
            _tangent_column(dims[0], (2, 1), (drop / 7, 0.0, _rates(drop, 14)[1]), faithful),
        ]
    )


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
