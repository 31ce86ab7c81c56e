"""What a U-Net with lateral convolutions decodes the maps of an encoder with."""

from collections.abc import Callable, Sequence

from torch import nn


def build_lateral_decoder(
    channels: Sequence[int], widths: Sequence[int], join: Callable[[int, int], nn.Sequential]
) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Build, for each map, a 1x1 convolution of it, and what joins it with the coarser one.

    Args:
        channels: Of the encoder's maps, finest first.
        widths: Channels of the decoder at each of them.
        join: Builds a join from its channels in (those of the map and of the coarser one, if there
            is one) and out.

    Raises:
        ValueError: Not a width for each map.

    Source: U-Net (Ronneberger et al. 2015) with the lateral convolutions of feature pyramids (Lin
        et al. 2017).
    """
    if len(widths) != len(channels):
        raise ValueError(
            f"got {len(widths)} widths, expected one for each of {len(channels)} levels"
        )
    lateral = nn.ModuleList(nn.Conv2d(c, w, 1) for c, w in zip(channels, widths, strict=True))
    coarser = [*widths[1:], 0]
    return lateral, nn.ModuleList(join(w + c, w) for w, c in zip(widths, coarser, strict=True))
