"""BiFuse++ (Wang et al. 2022): panorama and cube encoders that exchange features, one decoder.

Source: F.-E. Wang et al., "BiFuse++: Self-Supervised and Efficient Bi-Projection Fusion for 360°
    Depth Estimation", TPAMI 2022.
"""

from collections.abc import Callable
from os import PathLike
from types import MappingProxyType

import torch
from torch import Tensor, nn

import pano_geometry as pg
from pano_geometry.compat import depth_anywhere
from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import build_staged_encoder, run_encoder
from pano_models.layers.padding import SphereUpsample, pad_on_sphere
from pano_models.layers.tangent_conv import lay_on_tangent_planes
from pano_models.outputs import DISTANCE_METRIC
from pano_models.students.student import AFFINE_START, STRIDE, Student, set_initial_output

FACES = 6


def exact_cube(erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Return the faces F R B L U D of size h / 2, exact at the seam and the poles."""
    return pg.erp_to_cube(erp, erp.shape[-2] // 2)


def exact_panorama(faces: Float[Tensor, "b 6 c f f"]) -> Float[Tensor, "b c h w"]:
    """Return the panorama of height 2 f, exact across the edges of the cube."""
    return pg.cube_to_erp(faces, 2 * faces.shape[-1], 4 * faces.shape[-1])


def released_cube(erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 6 c f f"]:
    """Return the faces B D F L R U of size h / 2 of an end-point panorama."""
    return depth_anywhere.erp_to_cube(_exact(erp), erp.shape[-2] // 2).to(erp.dtype)


def released_panorama(faces: Float[Tensor, "b 6 c f f"]) -> Float[Tensor, "b c h w"]:
    """Return the end-point panorama of height 2 f."""
    size = (2 * faces.shape[-1], 4 * faces.shape[-1])
    return depth_anywhere.cube_to_erp(_exact(faces), *size).to(faces.dtype)


def _exact(x: Tensor) -> Tensor:
    """Widen to float32 at least: the released samplers give positions the dtype of features."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class ToFaces(nn.Module):
    """Panorama (b, c, h, w) to faces (6 b, c, h / 2, h / 2), those of a sample together."""

    def __init__(self, cut: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.cut = cut

    def forward(self, erp: Tensor) -> Tensor:
        """Cut `erp`."""
        return self.cut(erp).flatten(0, 1)


class ToPanorama(nn.Module):
    """Inverse of `ToFaces`."""

    def __init__(self, join: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.join = join

    def forward(self, faces: Tensor) -> Tensor:
        """Join `faces`."""
        return self.join(faces.view(-1, FACES, *faces.shape[1:]))


def projections(faithful: bool, equivariant: bool) -> tuple[nn.Module, nn.Module]:
    """Return the ways to the faces and back; identities where the network has no faces."""
    if equivariant:
        return nn.Identity(), nn.Identity()
    if faithful:
        return ToFaces(released_cube), ToPanorama(released_panorama)
    return ToFaces(exact_cube), ToPanorama(exact_panorama)


def conv_bn_relu(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Return the convolution with bias, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2), nn.BatchNorm2d(c_out), nn.ReLU()
    )


class BiProjectionExchange(nn.Module):
    """Fusion of one level: both maps receive a residual, a third map feeds the decoder."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_equi_cat = conv_bn_relu(2 * channels, channels, 1)
        self.conv_cube_cat = conv_bn_relu(2 * channels, channels, 1)
        self.conv_cat = conv_bn_relu(2 * channels, channels, 1)

    def exchange(self, equi: Tensor, cube: Tensor) -> tuple[Tensor, Tensor]:
        """Return new (panorama, cube) features, both on the panorama grid (b, c, h, w)."""
        both = torch.cat([equi, cube], dim=1)
        return equi + self.conv_equi_cat(both), cube + self.conv_cube_cat(both)

    def forward(self, equi: Tensor, cube: Tensor) -> Tensor:
        """Return the skip map for the decoder (b, c, h, w)."""
        fused: Tensor = self.conv_cat(torch.cat([equi, cube], dim=1))
        return fused


class PixelShuffleDecoder(nn.Module):
    """Four levels (1/4 … 1/32, finest first) to one map at 1/2, upsampled by two."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        c1, c2, c3, c4 = channels
        self.deconv4 = nn.Sequential(*conv_bn_relu(c4, 4 * c3, 3), nn.PixelShuffle(2))
        self.deconv3 = nn.Sequential(*conv_bn_relu(2 * c3, 4 * c2, 3), nn.PixelShuffle(2))
        self.deconv2 = nn.Sequential(*conv_bn_relu(2 * c2, 4 * c1, 3), nn.PixelShuffle(2))
        self.deconv1 = nn.Sequential(*conv_bn_relu(2 * c1, 2 * c1, 3), nn.PixelShuffle(2))
        self.out = nn.Conv2d(c1 // 2, 1, 1)
        self.upsample: nn.Module = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Return the map (b, 1, h, w) of unbounded values."""
        x = self.deconv4(levels[3])
        x = self.deconv3(torch.cat([x, levels[2]], dim=1))
        x = self.deconv2(torch.cat([x, levels[1]], dim=1))
        x = self.out(self.deconv1(torch.cat([x, levels[0]], dim=1)))
        out: Tensor = self.upsample(x)
        return out


class BiProjectionEncoder(nn.Module):
    """Two ResNets, on the panorama and on its faces, that exchange features after every stage.

    Args:
        backbone: ResNet of timm.
        width: Multiplier of the stages' channels.
        faithful: Faces as released.
        equivariant: No faces, tangent planes of the panorama.
    """

    def __init__(self, backbone: str, width: float, faithful: bool, equivariant: bool) -> None:
        super().__init__()
        self.to_cube, self.to_panorama = projections(faithful, equivariant)
        self.resnet_equi = build_staged_encoder(backbone, width)
        self.resnet_cube = build_staged_encoder(backbone, width)
        self.channels = self.resnet_equi.channels[1:]
        self.fusion = nn.ModuleList(BiProjectionExchange(c) for c in self.channels)
        # nothing reads the last exchange; published checkpoints hold its weights: kept, frozen
        last: nn.Module = self.fusion[3]
        for unused in ("conv_equi_cat", "conv_cube_cat"):
            last.get_submodule(unused).requires_grad_(False)
        if equivariant:
            lay_on_tangent_planes(self.resnet_cube)

    def forward(self, x: Float[Tensor, "b 3 h w"]) -> list[Tensor]:
        """Return the fused maps (1/4 … 1/32, finest first) of normalised pictures."""
        equi: Tensor = self.resnet_equi.maxpool(self.resnet_equi.stem(x))
        cube: Tensor = self.resnet_cube.maxpool(self.resnet_cube.stem(self.to_cube(x)))
        levels: list[Tensor] = []
        stages = zip(self.resnet_equi.layers, self.resnet_cube.layers, self.fusion, strict=True)
        for equi_stage, cube_stage, fusion in stages:
            assert isinstance(fusion, BiProjectionExchange)
            equi, projected = equi_stage(equi), self.to_panorama(cube_stage(cube))
            levels.append(fusion(equi, projected))
            if len(levels) < len(self.fusion):
                equi, projected = fusion.exchange(equi, projected)
                cube = self.to_cube(projected)
        return levels


class BiFusePlus(Student):
    """Panoramic depth by bi-projection fusion.

    Args:
        backbone: ResNet of timm for both encoders.
        width: Multiplier of encoder stages and decoder; 1 is the published network (52.49 M with
            ResNet-34).
        head: "metric" gives `distance_metric` in metres (unbounded: protocols clip to [0, 10]),
            "affine" gives `disparity_affine` (unbounded), "self_supervised" gives `distance_metric`
            1 / (10 sigmoid(x) + 0.01).
        normalize: Apply ImageNet statistics; the release's inference script forgets it.
        max_height: Larger panoramas are run at this height, and the map is brought back; None: at
            their own.
        precision: "float32", or "bfloat16": the pyramid under autocast, the decoder in float32.
        faithful: The release's end-point panorama grid with zeros beyond the border. Else the exact
            cube of `pano_geometry`.
        equivariant: Rolling the input by a multiple of 32 columns rolls the output, bit for bit:
            exact sphere padding everywhere, and the cube branch on tangent planes of the panorama
            (`TangentConv2d`) instead of faces. Parameters are the same.
        backbone_weights: A file of ImageNet weights for both encoders, or "timm"; see
            `load_encoders`. A saved folder holds its own: loading one ignores this option.

    Raises:
        ValueError: For an unknown `head`, or `faithful` and `equivariant` together.
        CheckpointError: `backbone_weights` do not fit the backbone or `width`.
    """

    encoder_name = "pyramid"
    heads = MappingProxyType({**Student.heads, "self_supervised": DISTANCE_METRIC})

    def __init__(
        self,
        backbone: str = "resnet34",
        width: float = 1.0,
        head: str = "metric",
        normalize: bool = True,
        max_height: int | None = None,
        precision: str = "float32",
        faithful: bool = False,
        equivariant: bool = False,
        backbone_weights: str | PathLike[str] | None = None,
    ) -> None:
        super().__init__(head, precision, max_height, normalize, faithful, equivariant)
        if not equivariant:
            self.stride = 2 * STRIDE  # faces, half as high, have to fit the encoder as well
        self.pyramid = BiProjectionEncoder(backbone, width, faithful, equivariant)
        self.decoder = PixelShuffleDecoder(self.pyramid.channels)
        if head == "affine":
            set_initial_output(self.decoder.out, AFFINE_START)
        self._start_encoders(backbone_weights)
        if equivariant:
            pad_on_sphere(self)
            self.decoder.upsample = SphereUpsample()

    def _predict(self, rgb: Tensor) -> Tensor:
        raw: Tensor = self.decoder(run_encoder(self.pyramid, self.input(rgb), self.precision))
        return (10 * raw.sigmoid() + 0.01).reciprocal() if self.head == "self_supervised" else raw
