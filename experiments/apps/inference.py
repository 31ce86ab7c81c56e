"""A network run on panoramas of any size: one working size in, maps of the panorama's size out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from experiments.apps.command_error import CommandError
from experiments.apps.panoramas import BadPanoramaError, Panorama
from experiments.apps.resize import resize_panorama

Kind = Literal["distance_metric", "distance_scale_invariant", "disparity_affine"]
KINDS: tuple[Kind, ...] = get_args(Kind)
UNITS: dict[Kind, str] = {
    "distance_metric": "m",
    "distance_scale_invariant": "relative",
    "disparity_affine": "affine disparity",
}
FAR_THRESHOLD = 0.5


@dataclass(frozen=True)
class Prediction:
    """What a network says about one panorama, at the panorama's size.

    Attributes:
        kind: What `values` are, as the network's key says.
        values: `(h, w)` float32: distance along the ray in metres (`distance_metric`) or up to a
            factor, or disparity up to a factor and a shift. Finite everywhere.
        valid: `(h, w)` bool: not masked by the user.
        far: `(h, w)` bool: sky or beyond the network's range.
    """

    kind: Kind
    values: NDArray[np.float32]
    valid: NDArray[np.bool_]
    far: NDArray[np.bool_]

    @property
    def unit(self) -> str:
        """The unit of `values`: `m`, `relative` or `affine disparity`."""
        return UNITS[self.kind]

    @property
    def near(self) -> NDArray[np.bool_]:
        """`(h, w)` bool: valid and not far, where `values` measure something."""
        return self.valid & ~self.far & (self.values > 0)


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


def _kind_of(maps: dict[str, torch.Tensor]) -> Kind:
    for kind in KINDS:
        if kind in maps:
            return kind
    raise CommandError(f"the network returned {sorted(maps)}, expected one of {', '.join(KINDS)}")


def _at_input_size(small: torch.Tensor, panorama: Panorama) -> NDArray[np.float32]:
    height, width = panorama.valid.shape
    return resize_panorama(small[0].float().cpu().numpy(), height, width)


@torch.inference_mode()
def predict_batch(
    network: nn.Module, panoramas: Sequence[Panorama], height: int, device: torch.device
) -> list[Prediction]:
    """Runs the network at `height x 2 height` and brings its maps back to each panorama's size.

    Panoramas are resized to the working size with antialiasing, maps back bilinearly; both wrap
    around the seam. `far_probability` is resized first and thresholded at one half after.

    Args:
        network: `forward(rgb (b, 3, h, w) in [0, 1])` -> dict of `(b, 1, h, w)` maps; in eval mode
            and on `device`.
        panoramas: Any sizes.
        height: Working height in pixels.
        device: Where the network is.

    Returns:
        One prediction a panorama.

    Raises:
        BadPanoramaError: The network returned NaN or infinity.
        CommandError: The network returned no map that is known here.
    """
    maps: dict[str, torch.Tensor] = network(_network_input(panoramas, height).to(device))
    kind = _kind_of(maps)
    if not bool(torch.isfinite(maps[kind]).all()):
        raise BadPanoramaError("the network returned values that are not finite")
    probability = maps.get("far_probability")
    predictions = []
    for i, panorama in enumerate(panoramas):
        values = _at_input_size(maps[kind][i], panorama)
        far = np.zeros(values.shape, dtype=np.bool_)
        if probability is not None:
            far = _at_input_size(probability[i], panorama) > FAR_THRESHOLD
        predictions.append(Prediction(kind, values, panorama.valid, far))
    return predictions
