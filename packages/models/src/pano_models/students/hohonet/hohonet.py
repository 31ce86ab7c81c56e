"""HoHoNet for depth: the whole panorama as one sequence over azimuth.

Source: C. Sun et al., "HoHoNet: 360 Indoor Holistic Understanding with Latent Horizontal Features",
    CVPR 2021.
"""

from os import PathLike

from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import build_encoder, run_encoder
from pano_models.layers.wrap_conv import WrapConv1d, close_sphere, wrap_padding
from pano_models.students.hohonet.horizon import (
    AzimuthTransformer,
    CosineColumns,
    HorizonCompression,
    upsample_azimuth,
)
from pano_models.students.student import AFFINE_START, Student, run_at_height, start_at


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
            start_at(self.columns, AFFINE_START)
        self._start_encoders(backbone_weights)
        if equivariant:
            close_sphere(self)

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
