"""UniFuse: two ResNet encoders (panorama, cube faces) fused one way into a panorama decoder.

Fusion: CEE, bi-projection or concatenation, section III-B and Fig. 3 of the paper.

Source: H. Jiang et al., "UniFuse: Unidirectional Fusion for 360° Panorama Depth Estimation", RA-L
    2021.
"""

import math
from collections.abc import Callable, Sequence
from os import PathLike

import torch
from torch import Tensor, nn
from torch.nn import functional

import pano_geometry as pg
from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import ConvEncoder, build_encoder, run_encoder, scaled
from pano_models.layers.padding import pad_on_sphere
from pano_models.layers.tangent_conv import lay_on_tangent_planes
from pano_models.students.student import AFFINE_START, STRIDE, Student, set_initial_output
from pano_models.students.unifuse.cube import released_cube, released_equirectangular


class SqueezeExcitation(nn.Module):
    """Scale channels by a gate computed from their means (Hu et al. 2018).

    With `sorted_mean` the columns are summed in order of size, so that rolling the map does not
    change a bit of the gate.
    """

    sorted_mean = False

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(4, channels // reduction)
        self.fc = nn.Sequential(
            nn.Linear(channels, hidden, bias=False),
            nn.ReLU(),
            nn.Linear(hidden, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return gated `x` (b, c, h, w)."""
        mean = x.mean(dim=2).sort(dim=-1).values.mean(-1) if self.sorted_mean else x.mean((2, 3))
        gate: Tensor = self.fc(mean)
        return x * gate[:, :, None, None]


class CubeEnhancedEncoding(nn.Module):
    """CEE: a residual of both corrects the cube features; the pair is gated and mixed."""

    def __init__(self, channels: int, *, squeeze_excitation: bool = True) -> None:
        super().__init__()
        self.res_conv1 = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.res_bn1 = nn.BatchNorm2d(channels)
        self.res_conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.res_bn2 = nn.BatchNorm2d(channels)
        self.selayer = SqueezeExcitation(2 * channels) if squeeze_excitation else nn.Identity()
        self.conv = nn.Conv2d(2 * channels, channels, 1, bias=False)

    def forward(self, equi: Tensor, cube: Tensor) -> Tensor:
        """Fuse two maps (b, c, h, w)."""
        residual = self.res_bn1(self.res_conv1(torch.cat([equi, cube], dim=1))).relu()
        corrected = cube + self.res_bn2(self.res_conv2(residual))
        mixed: Tensor = self.conv(self.selayer(torch.cat([equi, corrected], dim=1)))
        return mixed.relu()


class BiProjection(nn.Module):
    """BiFuse's gated fusion (Wang et al. 2020), of which UniFuse keeps the panorama side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_c2e = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
        self.conv_e2c = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
        self.conv_mask = nn.Sequential(nn.Conv2d(2 * channels, 1, 1), nn.Sigmoid())

    def forward(self, equi: Tensor, cube: Tensor) -> Tensor:
        """Fuse two maps (b, c, h, w)."""
        from_equi, from_cube = self.conv_e2c(equi), self.conv_c2e(cube)
        gate: Tensor = self.conv_mask(torch.cat([from_equi, from_cube], dim=1))
        fused: Tensor = equi + from_cube * gate
        return fused


class Concatenation(nn.Module):
    """A 1x1 convolution over both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * channels, channels, 1, bias=False)

    def forward(self, equi: Tensor, cube: Tensor) -> Tensor:
        """Fuse two maps (b, c, h, w)."""
        mixed: Tensor = self.conv(torch.cat([equi, cube], dim=1))
        return mixed.relu()


def make_fusion(kind: str, *, squeeze_excitation: bool) -> Callable[[int], nn.Module]:
    """Return the builder of `"cee"`, `"biproj"` or `"cat"`: channels to module.

    Raises:
        ValueError: For another `kind`.
    """
    builders: dict[str, Callable[[int], nn.Module]] = {
        "cee": lambda c: CubeEnhancedEncoding(c, squeeze_excitation=squeeze_excitation),
        "biproj": BiProjection,
        "cat": Concatenation,
    }
    if kind not in builders:
        raise ValueError(f"fusion is {kind!r}; expected one of {sorted(builders)}")
    return builders[kind]


DECODER_CHANNELS = (16, 32, 64, 128, 256)  # full size first


class UniFuse(Student):
    """Panoramic depth from a panorama and its cube map.

    Args:
        backbone: ResNet of timm for both encoders.
        width: Multiplier of encoder stages and decoder; 1 is the published network (30.26 M with
            ResNet-18).
        fusion: "cee", "biproj", "cat"; "none" drops the cube branch (the paper's `Equi` baseline).
        squeeze_excitation: Channel gate inside "cee".
        head: "metric" gives `distance_metric` in (0, max_depth) metres, "affine" gives
            `disparity_affine` in (0, max_depth).
        max_depth: Upper end of the output.
        max_height: Larger panoramas are run at this height, and the map is brought back; None: at
            their own.
        precision: "float32", or "bfloat16": the encoders under autocast, the decoder in float32.
        faithful: The release's cube: 8-bit faces with seam defects, edge-inclusive grids, hard
            edges. Else the exact cube of `pano_geometry`.
        equivariant: Rolling the input by a multiple of 32 columns rolls the output, bit for bit:
            exact sphere padding everywhere, and the cube branch on tangent planes of the panorama
            (`TangentConv2d`) instead of faces. Parameters are the same.
        backbone_weights: A file of ImageNet weights for both encoders, or "timm"; see
            `load_encoders`. A saved folder holds its own: loading one ignores this option.

    Raises:
        ValueError: For an unknown `fusion` or `head`, or `faithful` and `equivariant` together.
        CheckpointError: `backbone_weights` do not fit the backbone or `width`.
    """

    encoder_name = "equi_encoder"

    def __init__(
        self,
        backbone: str = "resnet18",
        width: float = 1.0,
        fusion: str = "cee",
        squeeze_excitation: bool = True,
        head: str = "metric",
        max_depth: float = 10.0,
        max_height: int | None = None,
        precision: str = "float32",
        faithful: bool = False,
        equivariant: bool = False,
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(head, precision, max_height, faithful=faithful, equivariant=equivariant)
        self.max_depth = max_depth
        self.equi_encoder = build_encoder(backbone, width)
        self.cube_encoder: ConvEncoder | None = None
        self.fusion = nn.ModuleList()
        if fusion != "none":
            build = make_fusion(fusion, squeeze_excitation=squeeze_excitation)
            self.cube_encoder = build_encoder(backbone, width)
            if faithful:
                self.stride = (
                    2 * STRIDE
                )  # the released map of faces takes quarters of the coarsest level
            self.fusion = nn.ModuleList(build(c) for c in self.equi_encoder.channels)
        channels = [scaled(c, width) for c in DECODER_CHANNELS]
        self.decoder = UNetDecoder(self.equi_encoder.channels, channels)
        if head == "affine":
            start = min(AFFINE_START / max_depth, 0.5)
            set_initial_output(self.decoder.depthconv, math.log(start / (1 - start)))
        self._start_encoders(backbone_weights)
        if equivariant:
            self._close_the_sphere()

    def _close_the_sphere(self) -> None:
        if self.cube_encoder is not None:
            lay_on_tangent_planes(self.cube_encoder)
        pad_on_sphere(self)
        for module in self.modules():
            if isinstance(module, SqueezeExcitation):
                module.sorted_mean = True

    def _predict(self, rgb: Tensor) -> Tensor:
        if self.cube_encoder is None:
            return self.predict_from_faces(rgb, None)
        if self.equivariant:
            return self._decode(
                run_encoder(self.equi_encoder, self.input(rgb), self.precision),
                run_encoder(self.cube_encoder, self.input(rgb), self.precision),
            )
        faces = released_cube(rgb) if self.faithful else pg.erp_to_cube(rgb, rgb.shape[-2] // 2)
        return self.predict_from_faces(rgb, faces)

    def predict_from_faces(
        self, rgb: Float[Tensor, "b 3 h w"], faces: Float[Tensor, "b 6 3 f f"] | None
    ) -> Float[Tensor, "b 1 h w"]:
        """Predict from a panorama and its faces F R B L U D of size h / 2; None: no cube branch."""
        levels = run_encoder(self.equi_encoder, self.input(rgb), self.precision)
        return self._decode(levels, None if faces is None else self._cube_levels(faces, levels))

    def _decode(self, levels: Sequence[Tensor], cube: Sequence[Tensor] | None) -> Tensor:
        """Decode panorama levels and, on the same grids, cube levels; finest first."""
        if cube is not None:
            levels = [f(e, c) for f, e, c in zip(self.fusion, levels, cube, strict=True)]
        logits: Tensor = self.decoder(levels)
        return self.max_depth * logits.sigmoid()

    def _cube_levels(self, faces: Tensor, grids: Sequence[Tensor]) -> list[Tensor]:
        """Encode the faces; project each level to the panorama grid of that level in `grids`."""
        assert self.cube_encoder is not None
        batch = faces.shape[:2]
        join = released_equirectangular if self.faithful else pg.cube_to_erp
        levels = run_encoder(self.cube_encoder, self.input(faces.flatten(0, 1)), self.precision)
        return [
            join(x.view(*batch, *x.shape[1:]), grid.shape[-2], grid.shape[-1])
            for x, grid in zip(levels, grids, strict=True)
        ]


class ConvElu(nn.Module):
    """3x3 convolution and ELU."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, c_out, h, w)."""
        return functional.elu(self.conv(x))


class UNetDecoder(nn.Module):
    """Five levels (fused maps at 1/2 … 1/32, finest first) to one full-size map of logits.

    Args:
        skips: Channels of the five fused maps, finest first.
        channels: Channels after each upsampling, finest (full size) first.
    """

    def __init__(self, skips: Sequence[int], channels: Sequence[int]) -> None:
        super().__init__()
        deep = [*channels[1:], skips[4]]  # what enters the upsampling convolution of each level
        self.upconv = nn.ModuleList(ConvElu(deep[i], channels[i]) for i in range(5))
        self.deconv = nn.ModuleList(
            [ConvElu(channels[0], channels[0])]
            + [ConvElu(channels[i] + skips[i - 1], channels[i]) for i in range(1, 5)]
        )
        self.depthconv = nn.Conv2d(channels[0], 1, 3, padding=1)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return logits (b, 1, h, w) of `levels`."""
        x = levels[4]
        for i in range(4, -1, -1):
            x = functional.interpolate(self.upconv[i](x), scale_factor=2.0, mode="nearest")
            x = self.deconv[i](torch.cat([x, levels[i - 1]], dim=1) if i else x)
        logits: Tensor = self.depthconv(x)
        return logits
