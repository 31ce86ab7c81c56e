"""What a panorama is cut into for a perspective teacher: cube faces, or tangent patches."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry import tangent_rotations
from pano_geometry.tensor_types import Bool, Float

LEAST_DEPTH = 1e-3
"""Metres: keeps the disparity of unlabelled pixels, whose distance is 0, finite."""


class Views(ABC):
    """A rig of pinhole views around the camera centre.

    Args:
        camera: The camera of every view.
    """

    def __init__(self, camera: pg.Perspective) -> None:
        self.camera = camera

    @abstractmethod
    def cut(
        self, erp: Float[Tensor, "b c h w"], rotation: Float[Tensor, "b 3 3"]
    ) -> Float[Tensor, "b n c f f"]:
        """Return the views of the panorama, the whole rig turned by `rotation`; bilinear."""

    def cut_mask(
        self, mask: Bool[Tensor, "b 1 h w"], rotation: Float[Tensor, "b 3 3"]
    ) -> Bool[Tensor, "b n 1 f f"]:
        """Return True where every panorama pixel that a view pixel draws on is True."""
        return self.cut(mask.float(), rotation) > 1 - 1e-4

    def stitch(
        self,
        views: Float[Tensor, "b n 1 f f"],
        size: Sequence[int],
        rotation: Float[Tensor, "b 3 3"],
    ) -> Float[Tensor, "b 1 h w"]:
        """Join disparities of depth, stretched to [0, 1] in each view, to a panorama of distance's.

        Nothing aligns one view with the next. The stretching is that of the released labels.

        Args:
            views: As `cut` orders them.
            size: Height and width of the panorama.
            rotation: The rig was turned by it.

        Raises:
            TypeError: The views overlap, or leave gaps.
        """
        raise TypeError(f"got {type(self).__name__}, expected CubeViews: only faces fit together")

    def cosine(self, like: Tensor) -> Float[Tensor, "f f"]:
        """Return the cosine between the ray of a pixel and the axis: depth = distance x cosine."""
        return self.camera.rays()[..., 2].to(like)


class LabelledViews(NamedTuple):
    """Views of labelled panoramas, one after the other.

    Attributes:
        image: RGB in [0, 1].
        depth: Along the axis of each view, metres; positive everywhere.
        valid: True where every pixel that the depth was drawn from is labelled.
    """

    image: Float[Tensor, "n 3 f f"]
    depth: Float[Tensor, "n 1 f f"]
    valid: Bool[Tensor, "n 1 f f"]


def cut_labelled(
    views: Views, batch: Mapping[str, Any], rotation: Float[Tensor, "b 3 3"]
) -> LabelledViews:
    """Cut picture, distance and mask of labelled panoramas into the same views."""
    image, distance = (views.cut(batch[name], rotation) for name in ("image", "distance"))
    depth = (distance * views.cosine(distance)).clamp(min=LEAST_DEPTH)
    valid = views.cut_mask(batch["valid"], rotation)
    return LabelledViews(*(x.flatten(0, 1) for x in (image, depth, valid)))


class CubeViews(Views):
    """Six cube faces of 90°.

    Args:
        face_size: Pixels of a face's side.
    """

    def __init__(self, face_size: int) -> None:
        super().__init__(pg.face_camera(face_size))
        self.face_size = face_size

    def cut(self, erp: Tensor, rotation: Tensor) -> Tensor:
        """See `Views.cut`; faces in the order F R B L U D."""
        return pg.erp_to_cube(erp, self.face_size, rotation)

    def stitch(self, views: Tensor, size: Sequence[int], rotation: Tensor) -> Tensor:
        """See `Views.stitch`."""
        low, high = views.amin((-2, -1), keepdim=True), views.amax((-2, -1), keepdim=True)
        stretched = (views - low) / (high - low).clamp(min=1e-6)
        faces = stretched * self.cosine(stretched)
        return pg.cube_to_erp(faces, int(size[0]), int(size[1]), rotation.mT)


class TangentViews(Views):
    """12 or 20 tangent patches at the vertices or faces of an icosahedron.

    Args:
        patch_size: Pixels of a patch's side.
        count: 12 or 20.
        fov_deg: Field of view of a patch, degrees.
    """

    def __init__(self, patch_size: int, count: int = 20, fov_deg: float = 80.0) -> None:
        fov = math.radians(fov_deg)
        super().__init__(pg.Perspective.from_fov(patch_size, patch_size, fov))
        self.rotations = tangent_rotations(count)

    def cut(self, erp: Tensor, rotation: Tensor) -> Tensor:
        """See `Views.cut`."""
        turns = self.rotations.to(rotation)
        views = [pg.erp_to_perspective(erp, self.camera, rotation @ turn) for turn in turns]
        return torch.stack(views, 1)


def random_turns(
    count: int, max_angle_deg: float, generator: torch.Generator
) -> Float[Tensor, "count 3 3"]:
    """Return rotations whose yaw, pitch and roll are each uniform in ± `max_angle_deg`.

    Source: Depth Anywhere (arXiv 2406.12849), as released: ±45°.
    """
    angles = torch.rand(count, 3, generator=generator) * 2 - 1
    return pg.from_ypr(*torch.deg2rad(angles * max_angle_deg).unbind(-1))


def seeded(seed: int, number: int) -> torch.Generator:
    """Return the generator of one step (or batch): a function of both numbers alone."""
    return torch.Generator().manual_seed(seed * 1_000_003 + number)
