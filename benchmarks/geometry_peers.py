"""The libraries that `benchmarks/geometry.py` compares, each in its best documented mode.

Every peer is brought to the conventions of docs/conventions.md by its adapter. Images come in the
layout the peer wants (not timed); coordinates of fixed geometry are prepared where the peer allows
it (not timed). A peer that is not installed is left out.
"""

# ruff: noqa: D102 -- adapters repeat the signatures that `Peer` documents.
import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

import pano_geometry as pg

Run = Callable[[Tensor], Any]
"""One call with rotations (b, 3, 3); what it returns is for `Peer.images`."""


@dataclass(frozen=True)
class Task:
    """What is computed: `kind` is rotate, e2p, p2e, e2c or c2e; `fresh`: new rotations per call."""

    kind: str
    height: int
    width: int
    face: int
    fresh: bool
    view: tuple[int, int] = (480, 640)
    fov: float = math.pi / 2

    @property
    def name(self) -> str:
        return (
            self.kind
            if self.kind in ("e2c", "c2e")
            else f"{self.kind} {'fresh' if self.fresh else 'fixed'}"
        )

    @property
    def camera(self) -> pg.Perspective:
        return pg.Perspective.from_fov(*self.view, self.fov)

    def input_size(self) -> tuple[int, int]:
        if self.kind == "p2e":
            return self.view
        return (6 * self.face, self.face) if self.kind == "c2e" else (self.height, self.width)

    def cameras(self) -> tuple[pg.Camera, pg.Camera]:
        erp = pg.Equirectangular(self.height, self.width)
        return {
            "rotate": (erp, erp),
            "e2p": (erp, self.camera),
            "p2e": (self.camera, erp),
            "e2c": (erp, pg.Cubemap(self.face)),
            "c2e": (pg.Cubemap(self.face), erp),
        }[self.kind]


class Peer(ABC):
    """A library: `make` prepares one task on one input (b, c, h, w) (cube: strip 6 f x f)."""

    name = ""
    kinds: tuple[str, ...] = ("rotate", "e2p", "p2e", "e2c", "c2e")
    dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.uint8)

    @abstractmethod
    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        """Prepare a call."""

    def images(self, task: Task, result: Any) -> Tensor:
        """Return the result as (b, c, h, w) float; cubes as strips."""
        return torch.as_tensor(result).float()


class Ours(Peer):
    """This package; `compiled` uses its optional CPU kernel."""

    def __init__(self, compiled: bool) -> None:
        self.name = "pano_geometry" + (", compiled kernel" if compiled else "")
        self.compiled = compiled

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        size = task.height, task.width
        faces = (
            image.unflatten(2, (6, -1)).transpose(1, 2).contiguous()
            if task.kind == "c2e"
            else image
        )
        calls: dict[str, Run] = {
            "rotate": lambda r: pg.rotate(image, r),
            "e2p": lambda r: pg.erp_to_perspective(image, task.camera, r),
            "p2e": lambda r: pg.perspective_to_erp(image, task.camera, r, *size)[0],
            "e2c": lambda r: pg.erp_to_cube(image, task.face),
            "c2e": lambda r: pg.cube_to_erp(faces, *size),
        }

        def run(r: Tensor) -> Any:
            (pg.native.enable if self.compiled else pg.native.disable)()
            return calls[task.kind](r)

        return run

    def images(self, task: Task, result: Any) -> Tensor:
        return (
            result.transpose(1, 2).flatten(2, 3).float() if task.kind == "e2c" else result.float()
        )


def plain_grid(task: Task, rotations: Tensor, padded: int) -> Tensor:
    """Sample as an engineer would: rays as (h, w, 3), a matrix product, angles, a grid."""
    source, target = task.cameras()
    turn = rotations.mT if task.kind == "p2e" else rotations
    rays = (
        target.rays() if task.kind == "e2c" else torch.einsum("bij,hwj->bhwi", turn, target.rays())
    )
    if task.kind == "p2e":
        pixels = source.project(rays).nan_to_num(-1e4)
    else:
        x, y, z = rays.unbind(-1)
        lon, lat = torch.atan2(x, z), torch.atan2(y, torch.hypot(x, z))
        pixels = torch.stack(
            [(lon / math.tau + 0.5) * task.width, (lat / math.pi + 0.5) * task.height], -1
        )
    size = torch.tensor([source.width, source.height]) + 2 * padded
    grid = (pixels + padded) * 2 / size - 1
    return grid if grid.ndim == 4 else grid[None]


class GridSample(Peer):
    """`grid_sample` by hand, on a panorama padded by one pixel or as it is (wrong at the seam).

    It samples floats alone: bytes are converted, and the result is rounded.
    """

    kinds = ("rotate", "e2p", "p2e", "e2c")

    def __init__(self, padded: bool) -> None:
        self.name = "grid_sample by hand, " + (
            "padded" if padded else "unpadded (wrong at the seam)"
        )
        self.padded = int(padded)

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        pad = 0 if task.kind == "p2e" else self.padded
        ready = None if task.fresh else plain_grid(task, rotations, pad)
        border = "zeros" if task.kind == "p2e" else "border"

        def run(r: Tensor) -> Tensor:
            grid = plain_grid(task, r, pad) if ready is None else ready
            grid = grid.expand(image.shape[0], -1, -1, -1)
            given = (pg.pad(image, pad) if pad else image).float()
            out = grid_sample(given, grid, padding_mode=border, align_corners=False)
            return out if image.dtype == out.dtype else out.round_().to(image.dtype)

        return run


class Cv2(Peer):
    """`cv2.remap` with float32 maps on a panorama padded by one pixel."""

    name = "cv2.remap by hand"
    kinds = ("rotate", "e2p", "p2e", "e2c")

    def __init__(self) -> None:
        self.cv2 = importlib.import_module("cv2")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        np = importlib.import_module("numpy")
        cv2, pad = self.cv2, int(task.kind != "p2e")
        cv2.setNumThreads(torch.get_num_threads())
        pictures = [np.ascontiguousarray(x.permute(1, 2, 0).numpy()) for x in image]

        def maps(r: Tensor) -> list[Any]:
            grids = plain_grid(task, r, pad)
            source = torch.tensor([p.shape[1::-1] for p in pictures[:1]]) + 2 * pad
            pixels = ((grids + 1) * source / 2 - 0.5).numpy()
            return [[np.ascontiguousarray(p[..., k]) for k in (0, 1)] for p in pixels]

        ready = None if task.fresh else maps(rotations)

        def padded(picture: Any) -> Any:
            if not pad:
                return picture
            half = picture.shape[1] // 2
            rows = np.concatenate(
                [np.roll(picture[:1], half, 1), picture, np.roll(picture[-1:], half, 1)]
            )
            return cv2.copyMakeBorder(rows, 0, 0, 1, 1, cv2.BORDER_WRAP)

        def run(r: Tensor) -> list[Any]:
            at = maps(r) if ready is None else ready
            return [
                cv2.remap(padded(p), *at[k % len(at)], cv2.INTER_LINEAR)
                for k, p in enumerate(pictures)
            ]

        return run

    def images(self, task: Task, result: Any) -> Tensor:
        return torch.stack([torch.from_numpy(x).permute(2, 0, 1) for x in result]).float()
