"""The calls of py360convert, answered by this package; arrays (h, w) or (h, w, c), degrees."""

import math
from collections.abc import Callable
from typing import Any

import pano_geometry as pg

ORDER = "py360convert"


def c2e(cubemap: Any, h: int, w: int, mode: str = "bilinear", cube_format: Any = "dice") -> Any:
    return pg.cube_to_erp(pg.layout_to_cube(cubemap, cube_format, ORDER), h, w, mode=mode)


def e2c(e_img: Any, face_w: int = 256, mode: str = "bilinear", cube_format: Any = "dice") -> Any:
    return pg.cube_to_layout(pg.erp_to_cube(e_img, face_w, mode=mode), cube_format, ORDER)


def e2p(
    e_img: Any,
    fov_deg: float | tuple[float, float],
    u_deg: float,
    v_deg: float,
    out_hw: tuple[int, int],
    in_rot_deg: float = 0,
    mode: str = "bilinear",
) -> Any:
    fov = fov_deg if isinstance(fov_deg, tuple) else (fov_deg, fov_deg)
    camera = pg.Perspective.from_fov(*out_hw, *map(math.radians, fov))
    turn = pg.from_ypr(*map(math.radians, (u_deg, v_deg, in_rot_deg)))
    return pg.erp_to_perspective(e_img, camera, turn, mode=mode)


def cube_h2dice(cube_h: Any) -> Any:
    return pg.cube_to_layout(pg.layout_to_cube(cube_h, "horizon", ORDER), "dice")


def cube_dice2h(cube_dice: Any) -> Any:
    return pg.cube_to_layout(pg.layout_to_cube(cube_dice, "dice"), "horizon", ORDER)


CALLS: dict[str, dict[str, Callable[..., Any]]] = {
    "py360convert": {
        "c2e": c2e,
        "e2c": e2c,
        "e2p": e2p,
        "cube_h2dice": cube_h2dice,
        "cube_dice2h": cube_dice2h,
    }
}
"""Module -> name in it -> our function."""
