"""NumPy arrays in, NumPy arrays out: functions of batched tensors that serve pictures as they are.

A picture is an array (h, w), (h, w, c), (c, h, w), (b, h, w, c) or (b, c, h, w), faces the same
with an axis of 6 after the batch. The axis with 1 to 4 entries at the end or, failing that, in
front of the rows holds the channels. The result has the layout, the type and, unless there are
several rotations, the number of axes of what was given. NumPy itself is not imported.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload

import torch

from pano_geometry.errors import ShapeError
from pano_geometry.tensor_types import Tensor

MOST_CHANNELS = 4
"""Channels of a picture: grey, with alpha, colours, colours with alpha."""

ROTATIONS = ("rotation", "back")
"""Names of arguments that are rotations."""

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Array(Protocol):
    """What is known of a NumPy array where NumPy may be missing."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Where the memory is."""

    @property
    def ndim(self) -> int:
        """Return the number of axes."""


class ForArrays(Protocol[P, R_co]):
    """A function of a tensor that takes an array as well."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, image: Array, /, *args: Any, **kwargs: Any) -> Any: ...


def is_array(value: object) -> bool:
    """Return whether a value is a NumPy array."""
    return hasattr(value, "__array_interface__") and hasattr(value, "ndim")


def takes_arrays(function: Callable[P, R]) -> ForArrays[P, R]:
    """Let a function of batched tensors take arrays: first argument, `rotation`, `back`, `valid`.

    Tensors pass through untouched. Maps that come with the result have no axis of channels.
    """
    signature = inspect.signature(function)
    first = next(iter(signature.parameters))

    @functools.wraps(function)
    def with_arrays(*args: Any, **kwargs: Any) -> Any:
        image: Any = args[0] if args else kwargs.get(first)
        if isinstance(image, Tensor) or not is_array(image):
            return function(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        axes = axes_of(first, image.shape, faces=first == "faces")
        moved = signed(image) if given.get("mode") == "nearest" else image
        given[first] = to_batch(to_tensor(moved), axes)
        for name in ROTATIONS:
            if is_array(given.get(name)):
                given[name] = torch.from_numpy(given[name].copy())
        if is_array(given.get("valid")):
            given["valid"] = to_mask("valid", given["valid"], axes.replace("c", ""))
        rotation = given.get("rotation")
        if rotation is not None and rotation.ndim > 3:
            raise ShapeError(
                f"rotation: got shape {tuple(rotation.shape)} for an array, expected (3, 3) or "
                "(k, 3, 3); several rotations of each picture need a tensor"
            )
        many = rotation is not None and rotation.ndim == 3
        out = function(*bound.args, **bound.kwargs)
        parts: tuple[Tensor, ...] = out if isinstance(out, tuple) else (cast(Tensor, out),)
        values, *maps = parts
        array = from_batch(values, axes, many)
        array = array if moved is image else array.view(image.dtype)
        masks = (from_batch(part, axes.replace("c", ""), many) for part in maps)
        return (array, *masks) if maps else array

    return with_arrays


def channels_first(shape: tuple[int, ...]) -> bool | None:
    """Return whether the channels of (..., c, h, w) or (..., h, w, c) stand first; None: unclear.

    1 to 4 entries at the end are channels; or else in front of the last two axes.
    """
    if shape[-1] <= MOST_CHANNELS:
        return False
    return True if shape[-3] <= MOST_CHANNELS else None


def axes_of(name: str, shape: tuple[int, ...], faces: bool) -> str:
    """Return which axis of an array is what: letters of b, f (face), c, h, w.

    Raises:
        ShapeError: If the shape is not that of a picture (of six square faces).
    """
    plain = len(shape) - faces
    if plain not in (2, 3, 4) or 0 in shape:
        raise ShapeError(
            f"{name}: got an array of shape {tuple(shape)}, expected (h, w), (h, w, c), (c, h, w) "
            f"or a batch of them{', with an axis of 6 faces in front of each' if faces else ''}"
        )
    lead = ("b" if plain == 4 else "") + ("f" if faces else "")
    if plain == 2:
        return lead + "hw"
    if faces:
        first = None if shape[-2] not in (shape[-1], shape[-3]) else shape[-3] != shape[-2]
    else:
        first = channels_first(shape)
    if first is None:
        raise ShapeError(
            f"{name}: got an array of shape {tuple(shape)}, expected "
            f"{'square faces' if faces else f'1 to {MOST_CHANNELS} channels'}, (h, w, c) or "
            "(c, h, w); give anything else as a tensor with torch.from_numpy"
        )
    return lead + ("chw" if first else "hwc")


def to_tensor(array: Any) -> Tensor:
    """Return the memory of an array as a tensor, or a copy where torch cannot share it."""
    if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
        array = array.copy()  # torch shares neither mirrored nor read-only memory
    return torch.from_numpy(array)


def to_mask(name: str, array: Any, axes: str) -> Tensor:
    """Return a mask of `axes`, the image's without channels, as (b, 1, h, w).

    Raises:
        ShapeError: If it has another number of axes.
    """
    if array.ndim != len(axes):
        raise ShapeError(
            f"{name}: got an array of shape {tuple(array.shape)}, expected ({', '.join(axes)})"
        )
    return to_batch(to_tensor(array), axes)


def to_batch(tensor: Tensor, axes: str) -> Tensor:
    """Return a tensor of `axes` as (b, c, h, w), of faces as (b, f, c, h, w), without a copy."""
    wanted = "bfchw" if "f" in axes else "bchw"
    known = tensor.permute([axes.index(axis) for axis in wanted if axis in axes])
    for place, axis in enumerate(wanted):
        if axis not in axes:
            known = known.unsqueeze(place)
    return known


def from_batch(out: Tensor, axes: str, many: bool) -> Any:
    """Return (b, c, h, w) or (b, f, c, h, w) as an array with the `axes` that were given.

    Args:
        out: Result.
        axes: Of the array that was given.
        many: Whether a batch of rotations asked for a batch.
    """
    held = "bfchw" if out.ndim == 5 else "bchw"
    wanted = ("f" if out.ndim == 5 else "") + axes.replace("f", "").replace("b", "")
    if "b" in axes or many or out.shape[0] > 1:
        wanted = "b" + wanted
    for place, axis in reversed(list(enumerate(held))):
        if axis not in wanted:
            out = out.squeeze(place)
            held = held.replace(axis, "")
    return out.permute([held.index(axis) for axis in wanted]).detach().contiguous().numpy()


def signed(array: Any) -> Any:
    """Return the bits of an array as a type that torch moves: uint16 as int16; others as they are.

    Torch holds unsigned numbers of 2 bytes or more without computing on them.
    """
    wide = array.dtype.kind == "u" and array.dtype.itemsize > 1
    return array.view(f"i{array.dtype.itemsize}") if wide else array
