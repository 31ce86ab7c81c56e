"""A network run on panoramas of any size: one working size in, maps of the size asked for out."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

import torch
from torch import Tensor, nn

from pano_geometry import resize
from pano_geometry.tensor_types import Bool, Float
from pano_models.errors import PredictionError
from pano_models.outputs import FAR_PROBABILITY, UNITS, Maps, geometry_key

DEFAULT_HEIGHT = 512
"""Of DAP and of Depth Anywhere's students; DA² works near it (546)."""
FAR_THRESHOLD = 0.5
"""A pixel is far where its probability is larger."""


@dataclass(frozen=True)
class DepthMaps:
    """What a network says about one or several panoramas of equal size.

    Attributes:
        maps: Key of `pano_models.outputs` -> (b, 1, h, w), float32, finite.
        working_size: Height and width at which the network saw the panoramas.
    """

    maps: Maps
    working_size: tuple[int, int]

    @property
    def kind(self) -> str:
        """What `values` are: the key of the one map of distance or disparity."""
        return geometry_key(self.maps)

    @property
    def unit(self) -> str:
        """The unit of `values`: `m`, `relative` or `affine disparity`."""
        return UNITS[self.kind]

    @property
    def values(self) -> Float[Tensor, "b 1 h w"]:
        """Distance or disparity, as `kind` says."""
        return self.maps[self.kind]

    @property
    def far(self) -> Bool[Tensor, "b 1 h w"]:
        """Sky or beyond the network's range; nowhere, for a network that does not say."""
        if FAR_PROBABILITY not in self.maps:
            return torch.zeros_like(self.values, dtype=torch.bool)
        return self.maps[FAR_PROBABILITY] > FAR_THRESHOLD

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the maps."""
        return _size_of(self.values)

    def at(self, size: Sequence[int]) -> "DepthMaps":
        """Resize every map to `size` (height, width): bilinear, without a seam.

        Probabilities are resized as they are: `far` thresholds what comes out.
        """
        return replace(self, maps={key: resize(m, size) for key, m in self.maps.items()})

    def __getitem__(self, index: int) -> "DepthMaps":
        """Return the maps of one panorama, (1, 1, h, w)."""
        return replace(self, maps={key: m[index][None] for key, m in self.maps.items()})


def usable_device(name: str) -> torch.device:
    """Return a device by its name, if a number can be put on it and read back.

    Raises:
        ValueError: It cannot: there is no such device here, or it holds no numbers (`meta`).
    """
    try:
        device = torch.device(name)
    except RuntimeError as error:  # names twenty kinds, most of them for developers of torch
        raise ValueError(
            f"device {name} is not usable here (there is no such kind): expected auto, cpu, cuda, "
            "cuda:1 or mps"
        ) from error
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for CUDA
        reason = str(error).partition("\n")[0].partition(". ")[0]  # pages follow: its dispatch keys
        if reason.startswith("Could not run"):
            reason = f"this torch was built without {device.type}"
        raise ValueError(f"device {name} is not usable here ({reason}): try auto or cpu") from error
    return device


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether a GPU or the CPU's allocator has run out of memory."""
    full = isinstance(error, torch.OutOfMemoryError | MemoryError)
    return full or "allocate memory" in str(error)


class Predictor:
    """Runs a network as it wants to be run: in evaluation mode, without gradients, at its size.

    Predicting, evaluating, labelling and viewing all go through here, so that what one writes is
    what the other scores.

    Args:
        network: `network(rgb)` returns a dict of maps; see `pano_models.outputs`. It is put into
            evaluation mode and moved to `device`.
        size: Height and width to run it at; None: `working_size(network)`.
        device: Where to run it; None: where it is.
    """

    def __init__(
        self,
        network: nn.Module,
        size: Sequence[int] | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        first = next(chain(network.parameters(), network.buffers()), torch.empty(0))
        self.device = torch.device(first.device if device is None else device)
        self.network = network.eval().to(self.device)
        if size is not None and hasattr(network, "tells_other_size"):  # a `DepthModel`
            network.tells_other_size = False  # type: ignore[assignment] # the caller asks for another
        height, width = working_size(network) if size is None else size
        self.size = (int(height), int(width))

    def __call__(
        self, rgb: Float[Tensor, "b 3 h w"], size: Sequence[int] | None = None
    ) -> DepthMaps:
        """Predict a batch of panoramas.

        Args:
            rgb: Floating in [0, 1], or uint8. Shrunk with antialiasing or enlarged bilinearly to
                the working size, in either case across the seam.
            size: Height and width of the maps; None: those of `rgb`.

        Raises:
            ValueError: Not a tensor (b, 3, h, w) with pixels.
            PredictionError: The network returned NaN or infinity, or no map of distance.
        """
        return self._run(self._shrink(rgb)).at(size or rgb.shape[-2:])

    def stream(
        self, panoramas: Iterable[Float[Tensor, "3 h w"]], batch: int = 4
    ) -> Iterator[DepthMaps]:
        """Predict panoramas of any sizes, `batch` of them in a forward pass.

        Only small copies are kept of a batch: each map is brought to full size when it is asked
        for.

        Args:
            panoramas: As for a call, but one at a time, (3, h, w); read as they are needed.
            batch: Panoramas in a forward pass.

        Yields:
            The maps of each panorama at its own size, (1, 1, h, w), in order.
        """
        if batch < 1:
            raise ValueError(f"batch is {batch}; expected at least 1")
        rest = iter(panoramas)
        while group := list(islice(rest, batch)):
            for panorama, maps in zip(group, self.at_working_size(group), strict=True):
                yield maps.at(panorama.shape[-2:])

    def at_working_size(self, panoramas: Sequence[Float[Tensor, "3 h w"]]) -> list[DepthMaps]:
        """Predict panoramas of any sizes in one forward pass, and leave the maps small.

        For callers that cannot hold several maps of full size: `maps.at(size)` enlarges one.
        """
        if not panoramas:
            return []
        maps = self._run(torch.cat([self._shrink(p[None]) for p in panoramas]))
        return [maps[i] for i in range(len(panoramas))]

    def _shrink(self, rgb: Tensor) -> Tensor:
        if rgb.ndim != 4 or rgb.shape[1] != 3 or not rgb.numel():
            raise ValueError(f"expected panoramas (b, 3, h, w), got {tuple(rgb.shape)}")
        if not rgb.is_floating_point() and rgb.dtype != torch.uint8:
            raise ValueError(f"expected floating RGB in [0, 1] or uint8, got {rgb.dtype}")
        # A colour at a time: a large picture is held once in floating point, not three times over.
        planes = (rgb[:, i : i + 1] for i in range(3))
        return torch.cat([self._shrink_plane(plane) for plane in planes], dim=1)

    def _shrink_plane(self, plane: Tensor) -> Tensor:
        whole = plane.dtype == torch.uint8
        plane = plane.to(self.device).float()  # not every device resizes half floats
        return resize(plane.div_(255) if whole else plane, self.size)

    @torch.inference_mode()
    def _run(self, rgb: Tensor) -> DepthMaps:
        dtype = next((p.dtype for p in self.network.parameters() if p.is_floating_point()), None)
        raw: Maps = self.network(rgb.to(dtype or rgb.dtype))
        try:
            geometry_key(raw)
        except KeyError as error:
            raise PredictionError(error.args[0]) from error
        maps = {key: values.float() for key, values in raw.items()}
        for key, values in maps.items():
            _check_finite(key, values)
        return DepthMaps(maps, self.size)


def working_size(network: nn.Module) -> tuple[int, int]:
    """Return the height and width at which a network is run.

    In this order: what it was trained at or, a published network, evaluated at (`native_size`); a
    panorama of the largest area it runs at (`max_pixels`); 512 x 1024.
    """
    native: tuple[int, int] | None = getattr(network, "native_size", None)
    if native:
        return native
    limit = getattr(network, "max_pixels", None)
    height = math.isqrt(limit // 2) if isinstance(limit, int) else DEFAULT_HEIGHT
    return height, 2 * height


def _check_finite(key: str, values: Tensor) -> None:
    broken = ~values.isfinite().flatten(1).all(1)
    if broken.any():
        which = int(broken.nonzero()[0])
        count = int((~values[which].isfinite()).sum())
        raise PredictionError(
            f"the network returned {key!r} with NaN or infinity in {count} of "
            f"{values[which].numel()} pixels of panorama {which + 1} of {len(values)}; expected "
            "finite numbers: its weights or the panorama hold something that is none"
        )


def _size_of(x: Tensor) -> tuple[int, int]:
    return x.shape[-2], x.shape[-1]
