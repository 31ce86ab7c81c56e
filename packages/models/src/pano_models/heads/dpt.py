"""The DPT head of Depth Anything V2: four levels of patch tokens to maps at the image size."""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from pano_geometry.tensor_types import Float
from pano_models.layers.cells import keep_cells, place_cells
from pano_models.layers.padding import Padding, conv2d, resize


class ResidualConv(nn.Module):
    """`x + conv(relu(conv(relu(x))))`."""

    def __init__(self, channels: int, padding: Padding) -> None:
        super().__init__()
        self.conv1 = conv2d(channels, channels, padding=padding)
        self.conv2 = conv2d(channels, channels, padding=padding)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Refine `x`."""
        inner = self.conv2(functional.relu(self.conv1(functional.relu(x))))
        out: Tensor = x + inner
        return out


class Fusion(nn.Module):
    """Add a skip level, refine, enlarge to the next finer level."""

    def __init__(self, channels: int, wrap: bool, skip: bool = True) -> None:
        super().__init__()
        padding: Padding = "sphere" if wrap else "zeros"
        self.wrap = wrap
        self.skip = ResidualConv(channels, padding) if skip else None
        self.refine = ResidualConv(channels, padding)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(
        self, x: Float[Tensor, "b c h w"], level: Tensor | None, size: Sequence[int]
    ) -> Float[Tensor, "b c i j"]:
        """Fuse `x` with `level` (None: the coarsest step) and resize to `size`.

        The 1x1 convolution runs before the resize instead of after it, as the release has it: the
        two commute (the weights of a bilinear sample sum to 1), at a quarter of the work.
        """
        if level is not None and self.skip is not None:
            x = x + self.skip(level)
        return resize(self.out(self.refine(x)), size, self.wrap, align_corners=not self.wrap)


class DPTHead(nn.Module):
    """Four levels of tokens to logits at a given size.

    Args:
        dim: Channels of the tokens.
        features: Channels of the fusion.
        level_channels: Channels of the four levels before the fusion.
        outputs: Maps to predict.
        wrap: Pad and resize across the seam and the poles; a turn by two patches is then exact.
        unused_skip: Keep the skip unit of the coarsest step, which nothing runs, so that a
            released checkpoint can be written back. It is frozen.

    Source: Ranftl et al. 2021 (DPT), in the form of Depth Anything V2, as released with DAP.
    """

    def __init__(
        self,
        dim: int,
        features: int = 256,
        level_channels: Sequence[int] = (256, 512, 1024, 1024),
        outputs: int = 1,
        wrap: bool = False,
        unused_skip: bool = False,
    ) -> None:
        super().__init__()
        self.wrap = wrap
        padding: Padding = "sphere" if wrap else "zeros"
        a, b, _, d = level_channels
        self.project = nn.ModuleList(nn.Conv2d(dim, c, 1) for c in level_channels)
        self.rescale = nn.ModuleList(
            [
                nn.ConvTranspose2d(a, a, 4, stride=4),
                nn.ConvTranspose2d(b, b, 2, stride=2),
                nn.Identity(),
                conv2d(d, d, stride=2, padding=padding),
            ]
        )
        self.reduce = nn.ModuleList(
            conv2d(c, features, bias=False, padding=padding) for c in level_channels
        )
        self.fuse = nn.ModuleList(
            Fusion(features, wrap, skip=level < 3 or unused_skip) for level in range(4)
        )
        if unused_skip:
            self.fuse[3].get_submodule("skip").requires_grad_(False)
        self.narrow = conv2d(features, features // 2, padding=padding)
        self.output = nn.Sequential(
            conv2d(features // 2, 32, padding=padding), nn.ReLU(), nn.Conv2d(32, outputs, 1)
        )

    def place_cells(self) -> None:
        """Start with the pixels that tokens hold at their places (see `layers.cells`)."""
        for project, rescale in zip(self.project, self.rescale, strict=True):
            if isinstance(rescale, nn.ConvTranspose2d):
                keep_cells(cast(nn.Conv2d, project), rescale.kernel_size[0])
                place_cells(rescale)

    def forward(
        self, levels: Sequence[Float[Tensor, "b n c"]], grid: tuple[int, int], size: tuple[int, int]
    ) -> Float[Tensor, "b k h w"]:
        """Decode tokens of a `grid` of patches (shallow first) to logits of `size`."""
        maps = [self._level(i, tokens, grid) for i, tokens in enumerate(levels)]
        x = self.fuse[3](maps[3], None, maps[2].shape[-2:])
        for i in (2, 1):
            x = self.fuse[i](x, maps[i], maps[i - 1].shape[-2:])
        x = self.fuse[0](x, maps[0], [2 * n for n in maps[0].shape[-2:]])
        x = resize(self.narrow(x), size, self.wrap, align_corners=not self.wrap)
        out: Tensor = self.output(x)
        return out

    def _level(self, index: int, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        x = tokens.transpose(1, 2).reshape(tokens.shape[0], -1, *grid)
        x = self.rescale[index](self.project[index](x))
        out: Tensor = self.reduce[index](x)
        return out
