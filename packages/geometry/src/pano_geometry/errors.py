"""Checks of arguments: every message says what was got, what was expected, what to do."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from pano_geometry.compiling import is_transformed

ROTATION_TOLERANCE = 1e-4
"""Largest entry of `R Rᵀ - I` that float32 products of rotations may leave."""


class ShapeError(ValueError):
    """A tensor whose rank or size does not fit."""


def shape_of(tensor: Tensor) -> tuple[int, ...]:
    """Return the shape as a plain tuple, for messages."""
    return tuple(tensor.shape)


def check_image(name: str, image: Tensor, size: tuple[int, int] | None = None) -> None:
    """Require `(b, c, h, w)` without an empty dimension, of the given size if there is one.

    Raises:
        TypeError: If it is not a tensor.
        ShapeError: If the shape does not fit.
    """
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: got {type(image).__name__}, expected a torch.Tensor (b, c, h, w)")
    if image.ndim != 4:
        hint = "; add the batch dimension with [None]" if image.ndim == 3 else ""
        raise ShapeError(f"{name}: got shape {shape_of(image)}, expected (b, c, h, w){hint}")
    if 0 in image.shape:
        raise ShapeError(f"{name}: got shape {shape_of(image)}, expected no empty dimension")
    if size is not None and tuple(image.shape[-2:]) != tuple(size):
        raise ShapeError(
            f"{name}: got height x width {shape_of(image)[-2:]}, expected {tuple(size)} "
            "(the size of its camera); resize one of them"
        )


def check_map(name: str, tensor: Tensor, channels: int = 1) -> None:
    """Require `(b, channels, h, w)`.

    Raises:
        TypeError: If it is not a tensor.
        ShapeError: If the shape does not fit.
    """
    check_image(name, tensor)
    if tensor.shape[1] != channels:
        raise ShapeError(
            f"{name}: got {tensor.shape[1]} channels in shape {shape_of(tensor)}, "
            f"expected (b, {channels}, h, w)"
        )


def check_mask(name: str, mask: Tensor, like: Tensor) -> None:
    """Require bool `(b or 1, 1, h, w)` over the pixels of `like`.

    Raises:
        TypeError: If it is not bool.
        ShapeError: If the shape does not fit.
    """
    if mask.dtype != torch.bool:
        raise TypeError(f"{name}: got dtype {mask.dtype}, expected torch.bool (True = usable)")
    expected = (like.shape[0], 1, *like.shape[-2:])
    if mask.ndim != 4 or mask.shape[1:] != expected[1:] or mask.shape[0] not in (1, expected[0]):
        raise ShapeError(f"{name}: got shape {shape_of(mask)}, expected {tuple(expected)}")


def check_size(name: str, value: int, least: int = 1) -> int:
    """Require an integer number of pixels of at least `least`.

    Raises:
        TypeError: If it is not an int.
        ValueError: If it is less than `least`.
    """
    if isinstance(value, bool) or not isinstance(value, (int, torch.SymInt)):
        raise TypeError(f"{name}: got {value!r}, expected an int (pixels)")
    if value < least:
        raise ValueError(f"{name}: got {value}, expected at least {least}")
    return value


def check_angle(name: str, value: float, below: float, including: bool = False) -> None:
    """Require `0 < value < below` (or `<= below`), in radians.

    Raises:
        ValueError: If the angle is out of range.
    """
    fits = 0.0 < value <= below if including else 0.0 < value < below
    if not (math.isfinite(value) and fits):
        hint = "; is it in degrees? use math.radians" if value > 2 * math.pi else ""
        sign = "<=" if including else "<"
        raise ValueError(f"{name}: got {value}, expected 0 < {name} {sign} {below:.6g} rad{hint}")


def check_finite(**values: float | None) -> None:
    """Require finite numbers, in pixels; None passes.

    Raises:
        ValueError: If one is NaN or infinite.
    """
    for name, value in values.items():
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name}: got {value}, expected a finite number of pixels")


def check_numbers(name: str, values: Sequence[float], meaning: str) -> tuple[float, ...]:
    """Return the finite numbers of a calibration, as many as `meaning` names, as a tuple.

    Raises:
        ValueError: If there are more or fewer, or one is NaN or infinite.
    """
    numbers = tuple(float(value) for value in values)
    if len(numbers) != len(meaning.split(", ")) or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{name}: got {values}, expected finite ({meaning})")
    return numbers


def can_read_values(values: Tensor) -> bool:
    """Return whether values can be read without synchronisation or compilation in the way."""
    return values.device.type == "cpu" and not is_transformed()


def check_angles(name: str, values: Tensor, below: float) -> None:
    """Require `check_angle` of every entry, where they may be looked at.

    Raises:
        ValueError: If an angle is out of range.
    """
    if can_read_values(values) and not bool(((values > 0) & (values < below)).all()):
        for value in values.detach().flatten().tolist():
            check_angle(name, value, below)


def check_batch(name: str, what: str, count: int, batch: int) -> None:
    """Require one for all of a batch, or one for each (or one image for all).

    Raises:
        ShapeError: If the counts do not fit.
    """
    if count != batch and 1 not in (count, batch):
        raise ShapeError(
            f"{name}: got {count} {what} for a batch of {batch}, expected 1 or {batch}"
        )


def check_rotation(name: str, rotation: Tensor, batch: int | None = None) -> None:
    """Require a proper rotation `(3, 3)` or `(b, 3, 3)`.

    Values are looked at only where that costs no synchronisation: not on accelerators, not
    while compiling.

    Raises:
        TypeError: If it is not a floating tensor.
        ShapeError: If the shape does not fit.
        ValueError: If a matrix is not a proper rotation.
    """
    if not isinstance(rotation, Tensor):
        raise TypeError(f"{name}: got {type(rotation).__name__}, expected a tensor (3, 3)")
    if rotation.ndim not in (2, 3) or tuple(rotation.shape[-2:]) != (3, 3):
        raise ShapeError(f"{name}: got shape {shape_of(rotation)}, expected (3, 3) or (b, 3, 3)")
    if not rotation.is_floating_point():
        raise TypeError(f"{name}: got dtype {rotation.dtype}, expected a floating dtype")
    count = rotation.shape[0] if rotation.ndim == 3 else 1
    if batch is not None:
        check_batch(name, "rotations", count, batch)
    if can_read_values(rotation):
        _check_orthonormal(name, rotation.detach().double())


def _check_orthonormal(name: str, rotation: Tensor) -> None:
    if rotation.numel() == 0:
        raise ShapeError(f"{name}: got shape {shape_of(rotation)}, expected at least one rotation")
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    defect = float((rotation @ rotation.mT - identity).abs().max())
    if not math.isfinite(defect):
        raise ValueError(f"{name}: got NaN or inf, expected finite rotation matrices")
    if defect > ROTATION_TOLERANCE:
        raise ValueError(
            f"{name}: got |R Rᵀ - I| = {defect:.3g}, expected at most {ROTATION_TOLERANCE:g}: "
            "not orthonormal; build it with pano_geometry.from_ypr or project it by SVD"
        )
    x, y, z = rotation.unbind(-2)
    if float((torch.linalg.cross(x, y) * z).sum(-1).min()) < 0:  # a third of the time of det
        raise ValueError(
            f"{name}: got determinant -1 (a mirror), expected +1; flip the image itself instead"
        )
