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

ROTATIONS = ("rotation", "rotations", "back")
"""Names of arguments that are rotations."""
SEVERAL = ("faces", "views")
"""Names of arguments that hold several pictures of one scene."""

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")
R_co = TypeVar("R_co", covariant=True)


class NumpyArray(Protocol):
    """What is known of a NumPy array where NumPy may be missing."""

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """Where the memory is."""

    @property
    def ndim(self) -> int:
        """Return the number of axes."""


class TensorOrArrayFunction(Protocol[P, R_co]):
    """A function of a tensor that takes an array as well."""

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def __call__(self, image: NumpyArray, /, *args: Any, **kwargs: Any) -> Any: ...


def is_array(value: object) -> bool:
    """Return whether a value is a NumPy array."""
    return hasattr(value, "__array_interface__") and hasattr(value, "ndim")


def takes_arrays(function: Callable[P, R]) -> TensorOrArrayFunction[P, R]:
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
        axes = axes_of(first, image.shape)
        moved = signed(image) if given.get("mode") == "nearest" else image
        given[first] = to_batch(to_tensor(moved), axes)
        for name in ROTATIONS:
            if is_array(given.get(name)):
                given[name] = to_tensor(given[name].copy())
        if is_array(given.get("valid")):
            given["valid"] = to_mask("valid", given["valid"], axes.replace("c", ""))
        several = given.get("rotation")
        if is_array(given.get("pixels")):
            several = given["pixels"] = to_tensor(given["pixels"])
            given["pixels"] = several if several.ndim > 3 else several[None]
        many = several is not None and several.ndim > ("pixels" in given) + 2
        out = function(*bound.args, **bound.kwargs)
        values, *maps = out if isinstance(out, tuple) else (cast(Tensor, out),)
        each = several is not None and "pixels" not in given and several.ndim == 4
        array = result_of(values, axes, many, each)
        array = array if moved is image else array.view(image.dtype)
        masks = (result_of(part, axes.replace("c", ""), many, each) for part in maps)
        return (array, *masks) if maps else array

    return with_arrays


def takes_maps(
    values: Callable[[Tensor], Tensor],
) -> Callable[[Callable[P, Tensor]], TensorOrArrayFunction[P, Tensor]]:
    """Let a function of maps (b, 1, h, w) take arrays (h, w) or (b, h, w), and `valid` likewise.

    Args:
        values: result of the function to (b, h, w) or (b, h, w, c).
    """

    def decorate(function: Callable[P, Tensor]) -> TensorOrArrayFunction[P, Tensor]:
        signature = inspect.signature(function)
        first = next(iter(signature.parameters))

        @functools.wraps(function)
        def with_maps(*args: Any, **kwargs: Any) -> Any:
            given: Any = args[0] if args else kwargs.get(first)
            if isinstance(given, Tensor) or not is_array(given):
                return function(*args, **kwargs)
            if given.ndim not in (2, 3):
                raise ShapeError(
                    f"{first}: got an array of shape {tuple(given.shape)}, expected (h, w) or "
                    "(b, h, w)"
                )
            bound = signature.bind(*args, **kwargs)
            for name in (first, "valid"):
                if is_array(bound.arguments.get(name)):
                    maps = to_tensor(bound.arguments[name])
                    bound.arguments[name] = maps[None, None] if maps.ndim == 2 else maps[:, None]
            out = values(function(*bound.args, **bound.kwargs)).detach()
            return (out[0] if given.ndim == 2 else out).contiguous().numpy()

        return cast(TensorOrArrayFunction[P, Tensor], with_maps)

    return decorate


def takes_vectors(method: Callable[[S, Tensor], Tensor]) -> Callable[[S, Any], Any]:
    """Let a method of vectors (..., n) take an array."""

    @functools.wraps(method)
    def with_vectors(self: S, vectors: Any) -> Any:
        if isinstance(vectors, Tensor) or not is_array(vectors):
            return method(self, vectors)
        return method(self, to_tensor(vectors)).numpy()

    return with_vectors


def channels_first(shape: tuple[int, ...]) -> bool | None:
    """Return whether the channels of (..., c, h, w) or (..., h, w, c) stand first; None: unclear.

    1 to 4 entries at the end are channels; or else in front of the last two axes.
    """
    if shape[-1] <= MOST_CHANNELS:
        return False
    return True if shape[-3] <= MOST_CHANNELS else None


def axes_of(name: str, shape: tuple[int, ...]) -> str:
    """Return which axis of an array is what: letters of b, f (face or view), c, h, w.

    Raises:
        ShapeError: If the shape is not that of a picture (of six square faces).
    """
    faces = name in SEVERAL
    plain = len(shape) - faces
    if plain not in (2, 3, 4) or 0 in shape:
        raise ShapeError(
            f"{name}: got an array of shape {tuple(shape)}, expected (h, w), (h, w, c), (c, h, w) "
            f"or a batch of them{f', with an axis of {name} in front of each' if faces else ''}"
        )
    lead = ("b" if plain == 4 else "") + ("f" if faces else "")
    if plain == 2:
        return lead + "hw"
    if name == "faces":
        first = None if shape[-2] not in (shape[-1], shape[-3]) else shape[-3] != shape[-2]
    else:
        first = channels_first(shape)
    if first is None:
        wanted = "square faces" if name == "faces" else f"1 to {MOST_CHANNELS} channels"
        raise ShapeError(
            f"{name}: got an array of shape {tuple(shape)}, expected {wanted}, (h, w, c) or "
            "(c, h, w); give anything else as a tensor with torch.from_numpy"
        )
    return lead + ("chw" if first else "hwc")


def to_tensor(array: Any) -> Tensor:
    """Return the memory of an array as a tensor, or a copy where torch cannot share it."""
    array = native(array)
    if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
        array = array.copy()  # torch shares neither mirrored nor read-only memory
    return torch.from_numpy(array)


def native(array: Any) -> Any:
    """Return an array in this machine's order of bytes, the only one that torch knows."""
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


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


def result_of(out: Tensor, axes: str, many: bool, each: bool) -> Any:
    """Return a result as an array with the `axes` that were given.

    Args:
        out: pictures, maps, or numbers of each picture (b, ...).
        axes: of the array that was given.
        many: whether several results were asked for.
        each: whether several were for each picture: (b, k, ...).
    """
    if each:
        flat = from_batch(out.flatten(0, 1), axes, True)
        return flat.reshape(*out.shape[:2], *flat.shape[1:])
    if out.ndim < 4:
        return (out if "b" in axes else out[0]).detach().numpy()
    return from_batch(out, axes, many)


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
