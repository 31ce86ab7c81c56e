"""Adapters of the installable libraries, and the list of all peers of `benchmarks/geometry.py`."""

# ruff: noqa: D102 -- adapters repeat the signatures that `Peer` documents.
import importlib
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pano_geometry as pg
from benchmarks.geometry_peers import Cv2, GridSample, Ours, Peer, Run, Task, plain_grid


def fields_of_view(task: Task) -> tuple[float, float]:
    """Return the angles between the outer borders of a view, degrees: (vertical, horizontal)."""
    fov_y = 2 * math.atan(math.tan(task.fov / 2) * task.view[0] / task.view[1])
    return math.degrees(fov_y), math.degrees(task.fov)


class PanorAi(Peer):
    """PanorAi's stable geometry: a projector for each view, plans kept where views come again."""

    name = "panorai"
    kinds = ("e2p", "p2e", "e2c", "c2e")
    dtypes = (torch.float32,)

    def __init__(self) -> None:
        self.module = importlib.import_module("panorai.geometry")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        size = task.height, task.width
        if task.kind in ("e2c", "c2e"):
            cube = self.module.CubemapProjector(self.module.CubemapSpec((task.face, task.face)))
            if task.kind == "e2c":
                return lambda r: cube.project(image)
            strip = image.unflatten(2, (6, -1)).unbind(2)
            faces = (face.contiguous() for face in strip)
            named = dict(zip(self.module.CUBE_FACE_ORDER, faces, strict=True))
            return lambda r: cube.back_project(named, size).data
        kept = None if task.fresh else self.projectors(task, rotations)

        def run(r: Tensor) -> list[Any]:
            projectors = kept or self.projectors(task, r)
            pairs = zip(projectors, image, strict=True)
            if task.kind == "e2p":
                return [projector.project(x).data for projector, x in pairs]
            return [projector.back_project(x, size).data for projector, x in pairs]

        return run

    def projectors(self, task: Task, rotations: Tensor) -> list[Any]:
        """Return one projector for each view."""
        vertical, horizontal = fields_of_view(task)
        angles = torch.rad2deg(torch.stack(pg.to_ypr(rotations.double()), -1)).tolist()
        specs = (
            self.module.GnomonicSpec(
                center_lat_deg=pitch,
                center_lon_deg=yaw,
                hfov_deg=horizontal,
                vfov_deg=vertical,
                roll_deg=roll,
                output_shape_hw=task.view,
            )
            for yaw, pitch, roll in angles
        )
        return [self.module.GnomonicProjector(spec) for spec in specs]

    def images(self, task: Task, result: Any) -> Tensor:
        if task.kind == "e2c":
            return torch.cat([result[f].data for f in self.module.CUBE_FACE_ORDER], -2).float()
        return (torch.stack(result) if isinstance(result, list) else result).float()


class ProjectionToolkit(Peer):
    """panorama-projection-toolkit on the CPU (NumPy, SciPy); one image at a time.

    Its angles turn about axes of the rotated frame in another order, so rotations are given as
    the angles of the same matrix: R = Rx(pitch) Ry(roll) Rz(yaw) in x right, y ahead, z down.
    """

    name = "panorama-projection-toolkit"
    kinds = ("e2p", "p2e")

    def __init__(self) -> None:
        self.module = importlib.import_module("panorama_projection_toolkit")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        pictures = [x.permute(1, 2, 0).contiguous().numpy() for x in image]
        fov = fields_of_view(task)

        def run(r: Tensor) -> list[Any]:
            pairs = zip(pictures, self.angles(r), strict=True)
            if task.kind == "e2p":
                return [self.module.pano_to_view(p, fov, a, task.view) for p, a in pairs]
            size = task.height, task.width
            return [self.module.view_to_pano(p, fov, a, size) for p, a in pairs]

        return run

    @staticmethod
    def angles(rotations: Tensor) -> list[Any]:
        """Return (pitch, roll, yaw) in degrees whose matrix maps world rays into the view."""
        axes = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]], dtype=torch.float64)
        to_view = axes @ rotations.double().mT @ axes.mT  # their axes: x right, y ahead, z down
        roll = torch.asin(-to_view[:, 0, 2].clamp(-1, 1))
        pitch = torch.atan2(-to_view[:, 1, 2], to_view[:, 2, 2])
        yaw = torch.atan2(to_view[:, 0, 1], to_view[:, 0, 0])
        degrees = torch.rad2deg(torch.stack([pitch, roll, yaw], -1)).numpy()
        return list(degrees.astype(np.float32))

    def images(self, task: Task, result: Any) -> Tensor:
        return torch.stack([torch.as_tensor(x).permute(2, 0, 1) for x in result]).float()


class Equilib(Peer):
    """pyequilib, torch classes."""

    name = "equilib"

    def __init__(self) -> None:
        self.module = importlib.import_module("equilib")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        eq, fov = self.module, math.degrees(task.fov)
        size = {"height": task.height, "width": task.width}
        view = {"height": task.view[0], "width": task.view[1]}
        zero = [{"roll": 0.0, "pitch": 0.0, "yaw": 0.0}] * image.shape[0]
        if task.kind == "c2e":
            wide = torch.cat(list(image.unflatten(2, (6, -1)).unbind(2)), -1).contiguous()
            made = eq.Cube2Equi(**size, cube_format="horizon", mode="bilinear")
            return lambda r: made(cubemap=wide)
        if task.kind == "e2c":
            made = eq.Equi2Cube(w_face=task.face, cube_format="horizon", mode="bilinear")
            return lambda r: made(equi=image, rots=zero)
        if task.kind == "rotate":
            made = eq.Equi2Equi(**size, z_down=True, mode="bilinear")
            return lambda r: made(src=image, rots=self.angles(r))
        if task.kind == "e2p":
            made = eq.Equi2Pers(**view, fov_x=fov, z_down=True, mode="bilinear")
            return lambda r: made(equi=image, rots=self.angles(r))
        made = eq.Pers2Equi(**size, z_down=True, mode="bilinear")
        return lambda r: made(pers=image, rots=self.angles(r.mT), fov_x=fov)

    @staticmethod
    def angles(r: Tensor) -> list[dict[str, float]]:
        values = torch.stack(pg.to_ypr(r.double()), -1).tolist()
        return [dict(zip(("yaw", "pitch", "roll"), v, strict=True)) for v in values]

    def images(self, task: Task, result: Any) -> Tensor:
        result = torch.as_tensor(result).float()
        result = result[None] if result.ndim == 3 else result
        return torch.cat(result.chunk(6, -1), -2) if task.kind == "e2c" else result


class Py360(Peer):
    """py360convert (with OpenCV inside); one image at a time."""

    name = "py360convert"
    kinds = ("e2p", "e2c", "c2e")

    def __init__(self) -> None:
        self.module = importlib.import_module("py360convert")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        m = self.module
        if task.kind == "c2e":
            wide = torch.cat(list(image.unflatten(2, (6, -1)).unbind(2)), -1)
            pictures = [x.permute(1, 2, 0).contiguous().numpy() for x in wide]
            return lambda r: [
                m.c2e(p, h=task.height, w=task.width, cube_format="horizon") for p in pictures
            ]
        pictures = [x.permute(1, 2, 0).contiguous().numpy() for x in image]
        if task.kind == "e2c":
            return lambda r: [m.e2c(p, face_w=task.face, cube_format="horizon") for p in pictures]
        fov_y = 2 * math.atan(math.tan(task.fov / 2) * task.view[0] / task.view[1])
        fovs = math.degrees(task.fov), math.degrees(fov_y)

        def run(r: Tensor) -> list[Any]:
            angles = torch.rad2deg(torch.stack(pg.to_ypr(r.double()), -1)).tolist()
            return [
                m.e2p(p, fovs, yaw, pitch, task.view, in_rot_deg=roll)
                for p, (yaw, pitch, roll) in zip(pictures, angles, strict=False)
            ]

        return run

    def images(self, task: Task, result: Any) -> Tensor:
        out = torch.stack([torch.as_tensor(x).permute(2, 0, 1) for x in result]).float()
        return torch.cat(out.chunk(6, -1), -2) if task.kind == "e2c" else out


class PyTorch360(Peer):
    """pytorch360convert; its e2e turns about other axes, so only its time counts."""

    name = "pytorch360convert"
    kinds = ("rotate", "e2p", "e2c", "c2e")
    dtypes = (torch.float32,)

    def __init__(self) -> None:
        self.module = importlib.import_module("pytorch360convert")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        m = self.module
        if task.kind == "c2e":
            wide = torch.cat(list(image.unflatten(2, (6, -1)).unbind(2)), -1)
            return lambda r: [
                m.c2e(x, h=task.height, w=task.width, cube_format="horizon") for x in wide
            ]
        if task.kind == "e2c":
            return lambda r: m.e2c(image, face_w=task.face, cube_format="horizon")
        fov_y = 2 * math.atan(math.tan(task.fov / 2) * task.view[0] / task.view[1])
        fovs = math.degrees(task.fov), math.degrees(fov_y)

        def run(r: Tensor) -> list[Any]:
            angles = torch.rad2deg(torch.stack(pg.to_ypr(r.double()), -1)).tolist()
            if task.kind == "rotate":
                return [
                    m.e2e(x, h_deg=y, v_deg=p, roll=o)
                    for x, (y, p, o) in zip(image, angles, strict=False)
                ]
            return [
                m.e2p(x, fovs, y, p, task.view, in_rot_deg=o)
                for x, (y, p, o) in zip(image, angles, strict=False)
            ]

        return run

    def images(self, task: Task, result: Any) -> Tensor:
        out = result if isinstance(result, Tensor) else torch.stack(list(result))
        return torch.cat(out.chunk(6, -1), -2).float() if task.kind == "e2c" else out.float()


class Kornia(Peer):
    """`kornia.geometry.remap` with maps in pixels, align_corners=True."""

    name = "kornia.remap"
    kinds = ("rotate", "e2p", "e2c")
    dtypes = (torch.float32,)

    def __init__(self) -> None:
        self.module = importlib.import_module("kornia.geometry.transform")

    def make(self, task: Task, image: Tensor, rotations: Tensor) -> Run:
        size = torch.tensor([image.shape[-1], image.shape[-2]])

        def maps(r: Tensor) -> tuple[Tensor, Tensor]:
            pixels = ((plain_grid(task, r, 0) + 1) * size / 2 - 0.5).expand(
                image.shape[0], -1, -1, -1
            )
            return pixels[..., 0].contiguous(), pixels[..., 1].contiguous()

        ready = None if task.fresh else maps(rotations)
        return lambda r: self.module.remap(
            image, *(maps(r) if ready is None else ready),
            mode="bilinear", padding_mode="border", align_corners=True,
        )  # fmt: skip


def all_peers() -> list[Peer]:
    """Return ours, and every peer that is installed."""
    peers: list[Peer] = [Ours(False), Ours(True), GridSample(True), GridSample(False)]
    for kind in (Cv2, Equilib, Py360, PyTorch360, Kornia, PanorAi, ProjectionToolkit):
        try:
            peers.append(kind())
        except ImportError:
            continue
    return peers
