"""Which panoramas an exported file takes: how many at once, and of which sizes."""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.export import Dim

from pano_models.pano_small import STRIDE, PanoSmall
from panodepth.exporting.agreement import random_panoramas

DYNAMIC = "dynamic"
STRIDES: dict[type[nn.Module], int] = {PanoSmall: STRIDE}
"""Networks whose graph holds for other sizes than the traced one -> what these are multiples of.
The others hold tables of one size: cube faces, tangent planes, positions of patches."""
TRACED_BATCH = 2
"""Traced with one panorama, the batch would be taken for a constant."""
FEWEST_ROWS = 3
"""Of strides in a height that stays open: with two, rows beyond a pole are all rows, and the traced
graph takes them for another case."""
OTHER_ROWS = (FEWEST_ROWS, 8, 4)
"""Other heights that are tried, in strides: the first two that are not the network's own."""


@dataclass(frozen=True)
class InputShape:
    """What a file leaves open.

    Attributes:
        size: Height and width that the network is run at.
        batch: Panoramas at once; None: any number.
        stride: The height may be any multiple of it from three on, the width is twice the height;
            None: `size` alone.
    """

    size: tuple[int, int]
    batch: int | None = None
    stride: int | None = None

    @property
    def axes(self) -> list[int | str]:
        """The four axes, numbers or names: `["batch", 3, "height", "width"]`."""
        sides: list[int | str] = ["height", "width"] if self.stride else [*self.size]
        return [self.batch or "batch", 3, *sides]

    @property
    def dynamic_shapes(self) -> tuple[dict[int, object]] | None:
        """What `torch.export` is told."""
        free: dict[int, object] = {}
        if self.batch is None:
            free[0] = Dim("batch", min=1)
        if self.stride:
            rows = Dim("rows", min=FEWEST_ROWS)
            free |= {2: self.stride * rows, 3: 2 * self.stride * rows}
        return (free,) if free else None

    def trace_sample(self) -> Tensor:
        """Return panoramas to trace with."""
        return random_panoramas(self.batch or TRACED_BATCH, self.size)

    def samples(self) -> list[Tensor]:
        """Return panoramas to compare with: at the network's size, then other numbers and sizes."""
        count = self.batch or 1
        made = [random_panoramas(count, self.size)]
        if self.batch is None:
            made.append(random_panoramas(TRACED_BATCH + 1, self.size))
        if self.stride:
            heights = (self.stride * rows for rows in OTHER_ROWS)
            others = [height for height in heights if height != self.size[0]][:2]
            made += [random_panoramas(count, (height, 2 * height)) for height in others]
        return made
