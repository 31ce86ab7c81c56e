"""How a UniFuse level merges panorama features with projected cube features.

Source: UniFuse (Jiang et al. 2021) section III-B, Fig. 3: CEE, bi-projection and concatenation.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


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
