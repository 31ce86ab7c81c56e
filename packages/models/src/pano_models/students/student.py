"""What the students of Depth Anywhere share: one map, predicted at a size on their stride."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from os import PathLike
from types import MappingProxyType
from typing import ClassVar

from torch import Tensor, nn

from pano_geometry.tensor_types import Float
from pano_models.backbones.encoders import check_precision
from pano_models.backbones.shipped_weights import load_encoders
from pano_models.inputs import RgbInput
from pano_models.layers.padding import resize
from pano_models.model import DepthModel
from pano_models.outputs import DISPARITY_AFFINE, DISTANCE_METRIC, Maps

STRIDE = 32
LEAST_HEIGHT = 64
AFFINE_START = 0.5
"""Disparity (1 / m) around which an affine head starts: a wall of a room, 2 m away.

The training loss is blind to a shift, so what training starts with, it keeps.
"""


class Student(DepthModel, ABC):
    """A network that predicts one map, named by its head.

    Args:
        head: A key of `heads`.
        precision: "float32", or "bfloat16": the encoder under autocast, what follows in float32.
        max_height: Larger panoramas are run at this height, and the map is brought back; None: at
            their own.
        normalize: Apply ImageNet statistics.
        faithful: The release, quirks included.
        equivariant: Rolling the input by a multiple of 32 columns rolls the output.

    Raises:
        ValueError: For an unknown `head` or `precision`, or `faithful` and `equivariant` together.
    """

    heads: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"metric": DISTANCE_METRIC, "affine": DISPARITY_AFFINE}
    )
    """Head -> key of the prediction."""

    stride = STRIDE
    """Heights that the network takes are multiples of it."""

    def __init__(
        self,
        head: str,
        precision: str,
        max_height: int | None = None,
        normalize: bool = True,
        faithful: bool = False,
        equivariant: bool = False,
    ) -> None:
        super().__init__()
        if head not in self.heads:
            raise ValueError(f"head is {head!r}; expected one of {sorted(self.heads)}")
        if faithful and equivariant:
            raise ValueError("faithful and equivariant exclude each other: choose one")
        check_precision(precision)
        self.head, self.key = head, self.heads[head]
        self.precision, self.max_height = precision, max_height
        if faithful and max_height is not None:
            self.native_size = (max_height, 2 * max_height)
        self.faithful, self.equivariant = faithful, equivariant
        self.input = RgbInput(normalize)

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Predict from `rgb` in [0, 1]; run at the nearest 2:1 size that the network takes."""
        rgb = self.input.check(rgb)
        return {self.key: self._run(rgb)}

    def _run(self, rgb: Tensor) -> Tensor:
        least = LEAST_HEIGHT // self.stride
        return run_at_stride(self._predict, rgb, self.stride, self.max_height, least)

    @abstractmethod
    def _predict(self, rgb: Tensor) -> Tensor:
        """Return the map of a panorama that has a size of the network."""

    def _start_encoders(self, backbone_weights: str | PathLike[str] | None) -> None:
        """Fill the encoders from `backbone_weights`, if given; see `load_encoders`."""
        if backbone_weights is not None:
            self.load_report = load_encoders(self, backbone_weights)


def run_at_stride(
    network: Callable[[Tensor], Tensor],
    rgb: Float[Tensor, "b 3 h w"],
    stride: int,
    max_height: int | None = None,
    least: int = 2,
) -> Float[Tensor, "b 1 h w"]:
    """Run `network` at the nearest size (s, 2 s), s a multiple of `stride`, and bring its map back.

    There are at least `least` strides; `max_height` bounds s, and with it memory and time. The size
    is taken from the height; a picture that has it already is passed on untouched. Resizing is
    bilinear between pixel centres and across the seam, antialiased where it shrinks.
    """
    strides = max(least, round(rgb.shape[-2] / stride))
    if max_height is not None:
        strides = min(strides, max(least, max_height // stride))
    return run_at_height(network, rgb, stride * strides)


def run_at_height(
    network: Callable[[Tensor], Tensor], rgb: Float[Tensor, "b 3 h w"], height: int
) -> Float[Tensor, "b 1 h w"]:
    """As `run_at_stride`, at exactly (height, 2 height)."""
    size = (rgb.shape[-2], rgb.shape[-1])
    out = network(resize(rgb, (height, 2 * height), wrap=True, antialias=True))
    return resize(out, size, wrap=True, antialias=True)


def set_initial_output(head: nn.Module, value: float) -> None:
    """Make a last convolution (or linear layer) start around a value: fill its bias."""
    bias = head.bias
    if not isinstance(bias, Tensor):
        raise ValueError(f"got {type(head).__name__} without a bias, expected a head with one")
    nn.init.constant_(bias, value)
