"""Adapters of PanorAi and panorama-projection-toolkit for `benchmarks/geometry.py`."""

# ruff: noqa: D102 -- adapters repeat the signatures that `Peer` documents.
import importlib
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

import pano_geometry as pg
from benchmarks.geometry_peers import Peer, Run, Task


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
