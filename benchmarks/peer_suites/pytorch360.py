"""The calls of pytorch360convert, answered by this package; tensors (c, h, w), degrees."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import pano_geometry as pg

ORDER = pg.FaceOrder("FRBLUD", ("Front", "Right", "Back", "Left", "Up", "Down"))


def batched(image: Tensor, channels_first: bool) -> Tensor:
    image = image if image.ndim == 4 else image[None]
    return image if channels_first else image.permute(0, 3, 1, 2)


def as_given(result: Tensor, ndim: int, channels_first: bool) -> Tensor:
    result = result if channels_first else result.permute(0, 2, 3, 1)
    return result[0] if ndim == 3 else result


def c2e(
    cubemap: Any,
    h: int | None = None,
    w: int | None = None,
    mode: str = "bilinear",
    cube_format: Any = "dice",
    channels_first: bool = True,
) -> Tensor:
    if cube_format == "stack":
        cubemap, cube_format = list(cubemap), "list"
    if isinstance(cubemap, dict):
        cubemap = {key: batched(part, channels_first) for key, part in cubemap.items()}
    elif isinstance(cubemap, list):
        cubemap = [batched(part, channels_first) for part in cubemap]
    else:
        cubemap = batched(cubemap, channels_first)
    faces = pg.layout_to_cube(cubemap, cube_format, ORDER)
    size = faces.shape[-1]
    erp = pg.cube_to_erp(faces, h or 2 * size, w or 4 * size, mode=mode)
    return as_given(erp, 3, channels_first)


def e2c(
    e_img: Tensor,
    face_w: int | None = None,
    mode: str = "bilinear",
    cube_format: Any = "dice",
    channels_first: bool = True,
) -> Any:
    erp = batched(e_img, channels_first)
    faces = pg.erp_to_cube(erp, face_w or erp.shape[-2] // 2, mode=mode)
    layout = "list" if cube_format == "stack" else cube_format
    made = pg.cube_to_layout(faces, layout, ORDER)
    if isinstance(made, dict):
        return {key: as_given(part, e_img.ndim, channels_first) for key, part in made.items()}
    if isinstance(made, list):
        parts = [as_given(part, e_img.ndim, channels_first) for part in made]
        return torch.stack(parts) if cube_format == "stack" else parts
    return as_given(made, e_img.ndim, channels_first)


def e2p(
    e_img: Tensor,
    fov_deg: float | tuple[float, float],
    h_deg: float = 0.0,
    v_deg: float = 0.0,
    out_hw: tuple[int, int] = (512, 512),
    in_rot_deg: float = 0.0,
    mode: str = "bilinear",
    channels_first: bool = True,
) -> Tensor:
    fov = fov_deg if isinstance(fov_deg, tuple) else (fov_deg, fov_deg)
    camera = pg.Perspective.from_fov(*out_hw, *map(math.radians, fov))
    turn = pg.from_ypr(*map(math.radians, (h_deg, v_deg, in_rot_deg)))
    view = pg.erp_to_perspective(batched(e_img, channels_first), camera, turn, mode=mode)
    return as_given(view, e_img.ndim, channels_first)


def e2e(
    e_img: Tensor,
    roll: float = 0.0,
    h_deg: float = 0.0,
    v_deg: float = 0.0,
    mode: str = "bilinear",
    channels_first: bool = True,
) -> Tensor:
    turn = pg.from_ypr(*map(math.radians, (h_deg, v_deg, roll)))
    return as_given(
        pg.rotate(batched(e_img, channels_first), turn, mode), e_img.ndim, channels_first
    )


def matrix_of_their_e2e(roll: float, h_deg: float, v_deg: float) -> Tensor:
    """Return what `e2e` of 0.2.3 turns by, in our frame; float64.

    It multiplies roll, pitch, yaw, roll and pitch (the last two once more), and pitches about
    (1, 0, 1) instead of (1, 0, 0).
    """
    axes = {"roll": (0.0, 0.0, 1.0), "pitch": (0.5**0.5, 0.0, 0.5**0.5), "yaw": (0.0, 1.0, 0.0)}
    angles = {"roll": roll, "pitch": v_deg, "yaw": -h_deg}
    one = {
        name: pg.from_axis_angle(torch.tensor(axis).double() * math.radians(angles[name]))
        for name, axis in axes.items()
    }
    rows = one["roll"] @ one["pitch"] @ one["yaw"] @ one["roll"] @ one["pitch"]
    y_down = torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64))
    return y_down @ rows.mT @ y_down


CALLS: dict[str, dict[str, Callable[..., Any]]] = {
    "pytorch360convert.pytorch360convert": {"c2e": c2e, "e2c": e2c, "e2p": e2p, "e2e": e2e}
}
"""Module -> name in it -> our function."""
