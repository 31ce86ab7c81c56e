"""A network run on panoramas of any size: one working size in, maps of the panorama's size out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from panodepth.errors import CommandError
from panodepth.panoramas import BadPanoramaError, Panorama
from panodepth.resize import resize_panorama

MapKind = Literal["distance_metric", "distance_scale_invariant", "disparity_affine"]
MAP_KINDS: tuple[MapKind, ...] = get_args(MapKind)
UNITS: dict[MapKind, str] = {
    "distance_metric": "m",
    "distance_scale_invariant": "relative",
    "disparity_affine": "affine disparity",
}
FAR_THRESHOLD = 0.5


@dataclass(frozen=True)
class PredictedMap:
    """What a network says about one panorama, at the panorama's size.

    Attributes:
        kind: What `values` are, as the network's key says.
        values: `(h, w)` float32: distance along the ray in metres (`distance_metric`) or up to a
            factor, or disparity up to a factor and a shift. Finite everywhere.
        valid: `(h, w)` bool: not masked by the user.
        far: `(h, w)` bool: sky or beyond the network's range.
        working_height: Rows of the map that the network made, before it was resized to `h`.
    """

    kind: MapKind
    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    far: NDArray[np.bool_]
    working_height: int | None = None

    @property
    def unit(self) -> str:
        """The unit of `values`: `m`, `relative` or `affine disparity`."""
        return UNITS[self.kind]

    @property
    def near(self) -> NDArray[np.bool_]:
        """`(h, w)` bool: valid and not far, where `values` measure something."""
        return self.valid & ~self.far & (self.values > 0)


@dataclass(frozen=True)
class WorkingMaps:
    """What a network says about one panorama, at its working size.

    Attributes:
        kind: What `values` are.
        values: `(working height, 2 working height)` float32, finite.
        far_probability: Of the same size, or None when the network has no such map.
    """

    kind: MapKind
    values: NDArray[np.float32]
    far_probability: NDArray[np.float32] | None

    def at_size_of(self, panorama: Panorama) -> PredictedMap:
        """The prediction at the panorama's own size: bilinear, wrapping around the seam.

        `far_probability` is resized first and thresholded at one half after.
        """
        height, width = panorama.valid.shape
        values = resize_panorama(self.values, height, width)
        far = np.zeros(values.shape, dtype=np.bool_)
        if self.far_probability is not None:
            far = resize_panorama(self.far_probability, height, width) > FAR_THRESHOLD
        return PredictedMap(self.kind, values, panorama.valid, far, len(self.values))


def choose_device(name: str) -> torch.device:
    """The device that `--device` names; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        CommandError: The device does not exist here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise CommandError(
            f"--device {name} is not usable here ({error}): try auto or cpu"
        ) from error
    return device


def _network_input(panoramas: Sequence[Panorama], height: int) -> torch.Tensor:
    small = [resize_panorama(p.rgb, height, 2 * height) for p in panoramas]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float() / 255


def _kind_of(maps: dict[str, torch.Tensor]) -> MapKind:
    for kind in MAP_KINDS:
        if kind in maps:
            return kind
    raise CommandError(
        f"the network returned {sorted(maps)}, expected one of {', '.join(MAP_KINDS)}"
    )


@torch.inference_mode()
def predict_batch(
    network: nn.Module, panoramas: Sequence[Panorama], height: int, device: torch.device
) -> list[WorkingMaps]:
    """Runs the network on panoramas of any sizes, each resized to `height x 2 height`.

    Args:
        network: `forward(rgb (b, 3, h, w) in [0, 1])` -> dict of `(b, 1, h, w)` maps; in eval mode
            and on `device`.
        panoramas: Shrunk with antialiasing or enlarged bilinearly, wrapping around the seam.
        height: Working height in pixels.
        device: Where the network is.

    Returns:
        Small maps, one set a panorama; `at_size_of` brings them back to its size.

    Raises:
        BadPanoramaError: The network returned NaN or infinity.
        CommandError: The network returned no map that is known here.
    """
    maps: dict[str, torch.Tensor] = network(_network_input(panoramas, height).to(device))
    kind = _kind_of(maps)
    if not bool(torch.isfinite(maps[kind]).all()):
        raise BadPanoramaError("the network returned values that are not finite")
    values = maps[kind][:, 0].float().cpu().numpy()
    far = [None] * len(panoramas)
    if "far_probability" in maps:
        far = list(maps["far_probability"][:, 0].float().cpu().numpy())
    return [WorkingMaps(kind, v, f) for v, f in zip(values, far, strict=True)]
