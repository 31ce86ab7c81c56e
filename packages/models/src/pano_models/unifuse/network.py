"""UniFuse: two ResNet encoders (panorama, cube faces) fused one way into a panorama decoder.

Source: H. Jiang et al., "UniFuse: Unidirectional Fusion for 360° Panorama Depth Estimation", RA-L 2021.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.inputs import RgbInput
from pano_models.model import DepthModel
from pano_models.outputs import DISPARITY_AFFINE, DISTANCE_METRIC, Prediction
from pano_models.registry import register
from pano_models.resizing import run_at_stride
from pano_models.resnet import ResNetEncoder, scaled
from pano_models.unifuse.cube import released_cube, released_cube_uint8, released_equirectangular
from pano_models.unifuse.decoder import UNetDecoder
from pano_models.unifuse.fusion import make_fusion

STRIDE = 32
DECODER_CHANNELS = (16, 32, 64, 128, 256)  # full size first
HEADS = {"metric": DISTANCE_METRIC, "affine": DISPARITY_AFFINE}


@register("unifuse")
class UniFuse(DepthModel):
    """Panoramic depth from a panorama and its cube map.

    Args:
        backbone: ResNet of timm for both encoders.
        width: multiplier of encoder stages and decoder; 1 is the published network (30.26 M with ResNet-18).
        fusion: "cee", "biproj", "cat"; "none" drops the cube branch (the paper's `Equi` baseline).
        squeeze_excitation: channel gate inside "cee".
        head: "metric" gives `distance_metric` in (0, max_depth) metres, "affine" gives `disparity_affine` in (0, max_depth).
        max_depth: upper end of the output.
        pretrained: ImageNet weights for both encoders.
        faithful: the release's 8-bit cube resampling with its seam defects.

    Raises:
        ValueError: for an unknown `fusion` or `head`.
    """

    def __init__(
        self,
        backbone: str = "resnet18",
        width: float = 1.0,
        fusion: str = "cee",
        squeeze_excitation: bool = True,
        head: str = "metric",
        max_depth: float = 10.0,
        pretrained: bool = False,
        faithful: bool = False,
    ) -> None:
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head is {head!r}; expected one of {sorted(HEADS)}")
        self.key, self.max_depth, self.faithful = HEADS[head], max_depth, faithful
        self.input = RgbInput()
        self.equi_encoder = ResNetEncoder(backbone, width=width, pretrained=pretrained)
        self.cube_encoder: ResNetEncoder | None = None
        self.fusion = nn.ModuleList()
        if fusion != "none":
            build = make_fusion(fusion, squeeze_excitation=squeeze_excitation)
            self.cube_encoder = ResNetEncoder(backbone, width=width, pretrained=pretrained)
            self.fusion = nn.ModuleList(build(c) for c in self.equi_encoder.channels)
        channels = [scaled(c, width) for c in DECODER_CHANNELS]
        self.decoder = UNetDecoder(self.equi_encoder.channels, channels)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Prediction:
        """Predict from `rgb` in [0, 1]; run at the nearest 2:1 size whose height is a multiple of 32."""
        self.input.check(rgb)
        return {self.key: run_at_stride(self._predict, rgb, STRIDE)}

    def _predict(self, rgb: Tensor) -> Tensor:
        faces = None
        if self.cube_encoder is not None:
            faces = released_cube_uint8(rgb) if self.faithful else released_cube(rgb)
        return self.predict_from_faces(rgb, faces)

    def predict_from_faces(
        self, rgb: Float[Tensor, "b 3 h w"], faces: Float[Tensor, "b 6 3 f f"] | None
    ) -> Float[Tensor, "b 1 h w"]:
        """Predict from a panorama and its cube map, both in [0, 1]; faces F R B L U D of size h / 2, None without cube branch."""
        levels: Sequence[Tensor] = self.equi_encoder(self.input(rgb))
        if faces is not None:
            cube = self._cube_levels(faces, [(x.shape[-2], x.shape[-1]) for x in levels])
            levels = [f(e, c) for f, e, c in zip(self.fusion, levels, cube, strict=True)]
        logits: Tensor = self.decoder(levels)
        return self.max_depth * logits.sigmoid()

    def _cube_levels(self, faces: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Tensor]:
        """Encode the faces and project every level to the panorama grid of that level."""
        assert self.cube_encoder is not None
        batch = faces.shape[:2]
        levels = self.cube_encoder(self.input(faces.flatten(0, 1)))
        return [
            released_equirectangular(x.unflatten(0, batch), *size)
            for x, size in zip(levels, sizes, strict=True)
        ]
