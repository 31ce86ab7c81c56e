"""The `run` functions of pyequilib, answered by this package; (b, c, h, w), rotations in radians.

Only its torch functions and what its top level calls: its NumPy functions stay, and are what its
suite compares with.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import pano_geometry as pg

Rotations = list[dict[str, float]]


def turns(rots: Rotations, z_down: bool) -> Tensor:
    sign = 1.0 if z_down else -1.0
    return torch.stack([pg.from_ypr(sign * r["yaw"], sign * r["pitch"], r["roll"]) for r in rots])


def cube_turns(rots: Rotations, z_down: bool) -> Tensor:
    """Return the rotations of `equi2cube`, which turns the other way about two of its axes."""
    sign = 1 if z_down else -1
    angles = ((-sign * r["yaw"], sign * r["pitch"], -r["roll"]) for r in rots)
    return torch.stack([pg.from_ypr(*ypr) for ypr in angles])


def tensor_in(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let arrays pass, which the top level sends to the same function here."""

    def call(image: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(image, Tensor):
            return function(image, *args, **kwargs)
        return _arrays(function(torch.from_numpy(image), *args, **kwargs))

    return call


def _arrays(made: Any) -> Any:
    if isinstance(made, dict):
        return {key: _arrays(part) for key, part in made.items()}
    if isinstance(made, list):
        return [_arrays(part) for part in made]
    return made.numpy()


def clipped(out: Tensor, source: Tensor, clip_output: bool) -> Tensor:
    return out.clamp(source.min(), source.max()) if clip_output else out


def lens(height: int, width: int, fov_x_deg: float, skew: float) -> pg.Perspective:
    """Return the camera of a view.

    Raises:
        ValueError: Skew, which a `pano_geometry.Perspective` has not: no test of the suite asks
            for it.
    """
    if skew:
        raise ValueError(f"skew: got {skew}, expected 0, since our cameras have none")
    return pg.Perspective.from_fov(height, width, fov_x_deg * torch.pi / 180)


def equi2pers(
    equi: Any, rots: Rotations, height: int, width: int, fov_x: float, skew: float, z_down: bool,
    mode: str, clip_output: bool = True, backend: str = "native", cache: Any = None,
) -> Any:  # fmt: skip
    camera = lens(height, width, fov_x, skew)

    def make(image: Tensor) -> Tensor:
        view = pg.erp_to_perspective(image, camera, turns(rots, z_down), mode=mode)
        return clipped(view, image, clip_output)

    return tensor_in(make)(equi)


def pers2equi(
    pers: Any, rots: Rotations, height: int, width: int, fov_x: float, skew: float, z_down: bool,
    mode: str, clip_output: bool = True, backend: str = "native", cache: Any = None,
) -> Any:  # fmt: skip
    def make(image: Tensor) -> Tensor:
        camera = lens(*image.shape[-2:], fov_x, skew)
        back = turns(rots, z_down).mT
        return pg.perspective_to_erp(image, camera, back, height, width, mode=mode)[0]

    return tensor_in(make)(pers)


def equi2equi(
    src: Any, rots: Rotations, z_down: bool, mode: str, height: int | None = None,
    width: int | None = None, clip_output: bool = True, backend: str = "native", cache: Any = None,
) -> Any:  # fmt: skip
    def make(image: Tensor) -> Tensor:
        source = pg.Equirectangular(*image.shape[-2:])
        target = pg.Equirectangular(height or source.height, width or source.width)
        out = pg.resample(image, source, target, turns(rots, z_down), mode=mode)
        return clipped(out, image, clip_output)

    return tensor_in(make)(src)


def equi2cube(
    equi: Any, rots: Rotations, w_face: int, cube_format: str, z_down: bool, mode: str,
    clip_output: bool = True, backend: str = "native", cache: Any = None,
) -> Any:  # fmt: skip
    def make(image: Tensor) -> Any:
        faces = pg.erp_to_cube(image, w_face, cube_turns(rots, z_down), mode=mode)
        made = pg.cube_to_layout(clipped(faces, image, clip_output), cube_format, "equilib")
        if cube_format == "list":
            return [[face[b] for face in made] for b in range(len(rots))]
        if cube_format == "dict":
            return [{key: face[b] for key, face in made.items()} for b in range(len(rots))]
        return made

    return tensor_in(make)(equi)


def cube2equi(
    horizon: Any, height: int, width: int, mode: str, clip_output: bool = True,
    backend: str = "native",
) -> Any:  # fmt: skip
    def make(image: Tensor) -> Tensor:
        faces = pg.layout_to_cube(image, "horizon", "equilib")
        return clipped(pg.cube_to_erp(faces, height, width, mode=mode), image, clip_output)

    return tensor_in(make)(horizon)


_OURS = {
    "equi2pers": equi2pers, "pers2equi": pers2equi, "equi2equi": equi2equi,
    "equi2cube": equi2cube, "cube2equi": cube2equi,
}  # fmt: skip

CALLS: dict[str, dict[str, Callable[..., Any]]] = {
    **{f"equilib.{name}.torch": {"run": ours} for name, ours in _OURS.items()},
    **{
        f"equilib.{name}.base": {"run_torch": ours, "run_numpy": ours}
        for name, ours in _OURS.items()
    },
}
"""Module -> name in it -> our function."""
