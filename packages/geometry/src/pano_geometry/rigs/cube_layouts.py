"""How six cube faces lie in memory and files: layouts, and the orders of other programs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch

from pano_geometry.arrays import axes_of, from_batch, is_array, signed, to_batch, to_tensor
from pano_geometry.cameras.cubemap import FACES, check_faces
from pano_geometry.errors import ShapeError, shape_of
from pano_geometry.tensor_types import Shaped, Tensor

Layout = Literal["dice", "horizon", "strip", "list", "dict"]
"""dice: a cross (3 f, 4 f), U above F, D below it, L F R B beside each other. horizon: (f, 6 f).
strip: (6 f, f). list: six pictures. dict: six pictures by name."""

LAYOUTS: tuple[Layout, ...] = get_args(Layout)

DICE = {"U": (0, 1), "L": (1, 0), "F": (1, 1), "R": (1, 2), "B": (1, 3), "D": (2, 1)}
"""Row and column of each face in the cross."""


@dataclass(frozen=True)
class FaceOrder:
    """The order in which a program keeps the faces, their names, and how each is turned.

    Attributes:
        faces: letters of `FACES` in the order of the program.
        names: keys of a dict; the letters if not given.
        turns: quarter turns anticlockwise that make the upright face the program's.
    """

    faces: str
    names: tuple[str, ...] = ()
    turns: tuple[int, ...] = (0, 0, 0, 0, 0, 0)

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the faces in a dict."""
        return self.names or tuple(self.faces)


_AXES = ("+x", "-x", "+y", "-y", "+z", "-z")

FACE_ORDERS: Mapping[str, FaceOrder] = {
    "pano_geometry": FaceOrder(FACES),
    "py360convert": FaceOrder("FRBLUD"),
    "equilib": FaceOrder("FRBLUD"),
    "opengl": FaceOrder("RLUDFB", _AXES),
    "unity": FaceOrder("RLUDFB", _AXES),
    "unreal": FaceOrder("FBRLUD", _AXES, (1, -1, 2, 0, 1, 1)),
    "3ds": FaceOrder("UDLRFB", ("UP", "DN", "LF", "RT", "FR", "BK")),
}
"""Orders by program. "opengl" and "unity": the layers of a cube texture, its frame x right, y up,
z forward. "unreal": the same layers in Unreal's world, x forward, y right, z up. "3ds": the files
of 3ds Max' Reflect/Refract map.

Source: OpenGL 4.6 core, table 8.19 (selection of cube map images), which Direct3D shares.
"""


def cube_to_layout(
    faces: Shaped[Tensor, "b 6 c f f"], layout: Layout, order: str | FaceOrder = "pano_geometry"
) -> Any:
    """Return cube faces F R B L U D in the layout and the order of another program.

    Args:
        faces: what `erp_to_cube` returns; a tensor, or an array (6, f, f), (6, f, f, c),
            (6, c, f, f) or a batch of them.
        layout: "dice" (a cross, 0 beside the faces; upright faces in every order), "horizon",
            "strip" (vertical), "list" or "dict".
        order: a name of `FACE_ORDERS`, or an order of your own.

    Returns:
        A picture (b, c, h, w), or six of them in a list or dict; arrays of the layout given.

    Raises:
        ShapeError: If `faces` does not hold six square faces.
        ValueError: If the layout or the order is unknown.
    """
    known = _order(order)
    _check_layout(layout)
    if is_array(faces):
        axes = axes_of("faces", tuple(faces.shape))
        arranged = cube_to_layout(to_batch(to_tensor(signed(faces)), axes), layout, known)
        return _on_each(lambda part: from_batch(part, axes, many=False).view(faces.dtype), arranged)
    check_faces("faces", faces)
    if layout == "dice":
        return _dice(faces)
    pictures = [
        torch.rot90(faces[:, FACES.index(letter)], turn, (-2, -1))
        for letter, turn in zip(known.faces, known.turns, strict=True)
    ]
    if layout == "list":
        return pictures
    if layout == "dict":
        return dict(zip(known.keys, pictures, strict=True))
    return torch.cat(pictures, -1 if layout == "horizon" else -2)


def layout_to_cube(arranged: Any, layout: Layout, order: str | FaceOrder = "pano_geometry") -> Any:
    """Return the cube faces F R B L U D of a layout: the inverse of `cube_to_layout`.

    Args:
        arranged: a picture, or a list or dict of six, tensors (b, c, h, w) or arrays (h, w),
            (h, w, c), (c, h, w) or batches of them.
        layout: "dice", "horizon", "strip", "list" or "dict".
        order: a name of `FACE_ORDERS`, or an order of your own.

    Returns:
        Faces (b, 6, c, f, f); of arrays an array with the axis of faces after the batch.

    Raises:
        ShapeError: If the sizes do not fit the layout.
        ValueError: If the layout or the order is unknown, or a dict lacks a face.
        TypeError: If a picture is neither a tensor nor an array.
    """
    known = _order(order)
    _check_layout(layout)
    parts = _parts(arranged, layout, known)
    if all(is_array(part) for part in parts) and not isinstance(parts[0], Tensor):
        axes = axes_of("arranged", tuple(parts[0].shape))
        batches = [to_batch(to_tensor(signed(part)), axes) for part in parts]
        cube = _collect(batches, layout, known)
        return from_batch(cube, axes, many=False).view(parts[0].dtype)
    for part in parts:
        if not isinstance(part, Tensor):
            raise TypeError(f"arranged: got {type(part).__name__}, expected tensors or arrays")
    return _collect(parts, layout, known)


def _order(order: str | FaceOrder) -> FaceOrder:
    if isinstance(order, FaceOrder):
        known = order
    elif order in FACE_ORDERS:
        return FACE_ORDERS[order]
    else:
        raise ValueError(f"order: got {order!r}, expected one of {tuple(FACE_ORDERS)}")
    if sorted(known.faces) != sorted(FACES) or len(known.turns) != 6 or len(known.keys) != 6:
        raise ValueError(f"order: got {known}, expected each of {FACES} once, 6 names and turns")
    return known


def _check_layout(layout: str) -> None:
    if layout not in LAYOUTS:
        raise ValueError(f"layout: got {layout!r}, expected one of {LAYOUTS}")


def _dice(faces: Tensor) -> Tensor:
    size = faces.shape[-1]
    cross = faces.new_zeros(faces.shape[0], faces.shape[2], 3 * size, 4 * size)
    for letter, (row, column) in DICE.items():
        _cell(cross, row, column, size).copy_(faces[:, FACES.index(letter)])
    return cross


def _cell(picture: Tensor, row: int, column: int, size: int) -> Tensor:
    """Return one square of a picture, which shares its memory."""
    return picture[..., row * size : (row + 1) * size, column * size : (column + 1) * size]


def _parts(arranged: Any, layout: Layout, order: FaceOrder) -> Sequence[Any]:
    """Return the pictures of a layout, in order: one, or six."""
    if layout == "dict":
        missing = [key for key in order.keys if key not in arranged]
        if missing:
            raise ValueError(f"arranged: got keys {list(arranged)}, expected {missing} as well")
        return [arranged[key] for key in order.keys]
    if layout == "list":
        if len(arranged) != 6:
            raise ShapeError(f"arranged: got {len(arranged)} pictures, expected 6")
        return list(arranged)
    return [arranged]


def _collect(parts: Sequence[Tensor], layout: Layout, order: FaceOrder) -> Tensor:
    """Return (b, 6, c, f, f) of one picture (b, c, h, w), or of six."""
    rows, columns = {"dice": (3, 4), "horizon": (1, 6), "strip": (6, 1)}.get(layout, (1, 1))
    for part in parts:
        size = part.shape[-1] // columns
        if part.ndim != 4 or size == 0 or part.shape[-2:] != (rows * size, columns * size):
            raise ShapeError(
                f"arranged: got shape {shape_of(part)}, expected (b, c, {rows} f, {columns} f) "
                f"for the layout {layout!r}"
            )
    if layout == "dice":
        cells = [_cell(parts[0], *DICE[letter], parts[0].shape[-1] // 4) for letter in FACES]
        return torch.stack(cells, 1)
    if layout in ("horizon", "strip"):
        parts = parts[0].chunk(6, -1 if layout == "horizon" else -2)
    upright = {
        letter: torch.rot90(part, -turn, (-2, -1))
        for letter, part, turn in zip(order.faces, parts, order.turns, strict=True)
    }
    return torch.stack([upright[letter] for letter in FACES], 1)


def _on_each(change: Callable[[Tensor], Any], arranged: Any) -> Any:
    """Apply a function to one picture or to those in a list or dict."""
    if isinstance(arranged, dict):
        return {key: change(part) for key, part in arranged.items()}
    if isinstance(arranged, list):
        return [change(part) for part in arranged]
    return change(arranged)
