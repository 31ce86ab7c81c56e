"""A perspective model made panoramic: predict overlapping views, align them, merge them.

Source: the fusion rows of DA² (Li et al. 2025), Table 1, whose code is not published; the alignment
    of overlapping views follows
360MonoDepth (Rey-Area et al. 2022) section 3.3. What is ours is listed in
docs/papers/depth_anywhere_networks.md.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

import pano_geometry as pg
from pano_geometry.fusion import project_views
from pano_geometry.tensor_types import Float
from pano_models.inputs import RgbInput
from pano_models.model import DepthModel, create
from pano_models.outputs import (
    DISPARITY_AFFINE,
    DISTANCE_METRIC,
    DISTANCE_SCALE_INVARIANT,
    Maps,
)
from pano_models.teachers.hub import load_teacher
from pano_models.teachers.teacher import DEPTH_METRIC

FUSIONS = ("affine", "scale", "blend", "gradients")
ALIGNMENT_ROWS = 128
"""Rows of the panorama on which the views are compared; the result is merged at full size."""
RIDGE = 1e-9


@dataclass(frozen=True)
class ViewRig:
    """Equal perspective views that together see the sphere.

    Attributes:
        camera: Of all views.
        rotations: Camera-to-world, (n, 3, 3).
    """

    camera: pg.Perspective
    rotations: Float[Tensor, "n 3 3"]

    @classmethod
    def cube(cls, size: int, fov_deg: float = 100.0) -> Self:
        """Return six views along the axes, `fov_deg` wide; alignment needs more than 90."""
        return cls(pg.Perspective.from_fov(size, size, math.radians(fov_deg)), pg.face_rotations())

    @classmethod
    def tangents(cls, size: int, count: int = 20, fov_deg: float = 80.0) -> Self:
        """Return 12 or 20 views at the vertices or the faces of an icosahedron."""
        camera = pg.Perspective.from_fov(size, size, math.radians(fov_deg))
        return cls(camera, pg.tangent_rotations(count))

    @classmethod
    def build(cls, kind: str, **options: Any) -> Self:
        """Build a rig of kind "cube" or "tangents", with the options of that constructor."""
        if kind == "cube":
            return cls.cube(**options)
        if kind == "tangents":
            return cls.tangents(**options)
        raise ValueError(f"rig kind is {kind!r}; expected 'cube' or 'tangents'")

    def cut(self, erp: Float[Tensor, "b c h w"]) -> Float[Tensor, "b n c s s"]:
        """Return the views of a panorama."""
        views = [pg.erp_to_perspective(erp, self.camera, r.to(erp)) for r in self.rotations]
        return torch.stack(views, dim=1)

    def cosine(self, like: Tensor) -> Float[Tensor, "s s"]:
        """Return depth along the optical axis over distance along the ray, per pixel of a view."""
        rays = self.camera.rays(device=like.device)
        return rays[..., 2].to(like.dtype)


class FusionBaseline(DepthModel):
    """Panoramic depth of any perspective model.

    Args:
        perspective: Views (n, 3, s, s) in [0, 1] to `disparity_affine` (n, 1, s, s) and, where
            metric, `depth_metric`: a `Teacher`, a `PerspectiveViT`; or what builds one: `{"name":
            ..., "config": {...}}` for `create`, `{"source": ...}` for `load_teacher`.
        rig: The views, or `{"kind": "cube" | "tangents", ...}` with the options of `ViewRig`.
        fusion: "affine": a scale and a shift of disparity per view by least squares over all
            overlaps, then the weighted mean; "scale": a scale per view alone; "blend": the weighted
            mean as it is; "gradients": a scale per view, then the gradients of log depth are merged
            (Poisson).
        max_batch: Views in one forward pass; None: all.

    The key of the prediction says what is left undetermined: `distance_metric` for a metric model
    with "blend", `distance_scale_invariant` for a metric model with "scale" or "gradients", else
    `disparity_affine`.

    Raises:
        ValueError: Unknown `fusion` or rig.
    """

    def __init__(
        self,
        perspective: nn.Module | Mapping[str, Any],
        rig: ViewRig | Mapping[str, Any],
        fusion: str = "affine",
        max_batch: int | None = None,
    ) -> None:
        super().__init__()
        if fusion not in FUSIONS:
            raise ValueError(f"fusion is {fusion!r}; expected one of {FUSIONS}")
        self.perspective = (
            perspective if isinstance(perspective, nn.Module) else _build(perspective)
        )
        self.rig = rig if isinstance(rig, ViewRig) else ViewRig.build(**rig)
        self.fusion, self.max_batch = fusion, max_batch
        self.input = RgbInput(normalize=False)  # the perspective model normalises

    def forward(self, rgb: Float[Tensor, "b 3 h w"]) -> Maps:
        """Predict from panoramas in [0, 1] of any size."""
        rgb = self.input.check(rgb)
        height, width = rgb.shape[-2:]
        maps = self.predict_views(self.rig.cut(rgb))
        if DEPTH_METRIC in maps and self.fusion != "affine":
            distance = maps[DEPTH_METRIC] / self.rig.cosine(rgb)
            key = DISTANCE_METRIC if self.fusion == "blend" else DISTANCE_SCALE_INVARIANT
            return {key: self._merge(distance, height, width)}
        return {DISPARITY_AFFINE: self._merge_disparity(maps[DISPARITY_AFFINE], height, width)}

    def predict_views(self, views: Float[Tensor, "b n 3 s s"]) -> Maps:
        """Return the perspective model's maps (b, n, 1, s, s) of all views."""
        flat = views.flatten(0, 1)
        parts = [self.perspective(part) for part in torch.split(flat, self.max_batch or len(flat))]
        return {
            key: torch.cat([part[key] for part in parts]).view(
                *views.shape[:2], 1, *views.shape[3:]
            )
            for key in parts[0]
        }

    def _merge_disparity(self, disparity: Tensor, height: int, width: int) -> Tensor:
        """Merge disparities of depth along each view's axis into disparity of distance."""
        cosine = self.rig.cosine(disparity)
        if self.fusion != "affine":
            return self._merge(disparity * cosine, height, width)
        fit = fit_views(disparity, cosine, self.rig)
        aligned = disparity * fit[..., 0, None, None, None] + fit[..., 1, None, None, None]
        return self._blend(aligned * cosine, height, width)

    def _merge(self, values: Tensor, height: int, width: int) -> Tensor:
        """Merge values along the ray, each view up to a factor (but for "blend")."""
        if self.fusion == "blend":
            return self._blend(values, height, width)
        rotations = self.rig.rotations.to(values)
        if self.fusion == "scale":
            merged, _, _ = pg.align_views(values, self.rig.camera, rotations, height, width)
        else:
            merged, _ = pg.fuse_gradients(values, self.rig.camera, rotations, height, width)
        return merged

    def _blend(self, values: Tensor, height: int, width: int) -> Tensor:
        rotations = self.rig.rotations.to(values)
        merged, _ = pg.blend_views(values, self.rig.camera, rotations, height, width)
        return merged


def fit_views(
    disparity: Float[Tensor, "b n 1 s s"], cosine: Float[Tensor, "s s"], rig: ViewRig
) -> Float[Tensor, "b n 2"]:
    """Return the scale and shift of every view's disparity such that all views agree along the ray.

    Minimises the sum over overlapping pixels of w_k w_m ((s_k d_k + t_k) c_k - (s_m d_m + t_m)
    c_m)², where c is the cosine to the view's axis: a shift of planar disparity is no constant
    along the ray. The mean scale is 1, weighted by how much each view's disparity varies: without
    that all zeros would fit, and an unweighted mean could be met by a view of a flat wall alone,
    whose scale and shift are one.
    """
    rotations, size = rig.rotations.to(disparity), (ALIGNMENT_ROWS, 2 * ALIGNMENT_ROWS)
    basis = [disparity * cosine, cosine.expand_as(disparity)]
    on_erp = [project_views(x, rig.camera, rotations, *size) for x in basis]
    area = pg.solid_angle(size[0], size[1], dtype=torch.float64, device=disparity.device)
    weight = (on_erp[0].weights.double() * area.sqrt()[:, None]).flatten(2)
    columns = torch.stack([x.values.double().flatten(2) for x in on_erp], dim=2)  # (b, n, 2, p)
    spread = disparity.double().flatten(2).std(dim=-1) + torch.finfo(disparity.dtype).tiny
    return _solve(columns, weight, spread / spread.sum(1, keepdim=True)).to(disparity.dtype)


def _solve(columns: Tensor, weight: Tensor, share: Tensor) -> Tensor:
    """Solve least squares over all pairs of views; `share` (b, n) times scale sums to 1."""
    b, n = weight.shape[:2]
    weighted = columns * weight[:, :, None]
    matrix = -torch.einsum("bnip,bmjp->bnimj", weighted, weighted)
    own = torch.einsum("bnip,bnjp->bnij", weighted * weight.sum(1)[:, None, None], columns)
    index = torch.arange(n, device=weight.device)
    matrix[:, index, :, index] += own.transpose(0, 1)
    matrix = matrix.reshape(b, 2 * n, 2 * n)
    matrix = matrix / matrix.diagonal(dim1=-2, dim2=-1).mean(-1)[:, None, None]
    matrix = matrix + RIDGE * torch.eye(2 * n, dtype=matrix.dtype, device=matrix.device)
    mean_scale = matrix.new_zeros(b, 2 * n)
    mean_scale[:, ::2] = share
    kkt = matrix.new_zeros(b, 2 * n + 1, 2 * n + 1)
    kkt[:, :-1, :-1], kkt[:, -1, :-1], kkt[:, :-1, -1] = matrix, mean_scale, mean_scale
    right = matrix.new_zeros(b, 2 * n + 1)
    right[:, -1] = 1
    solution: Tensor = torch.linalg.solve(kkt, right)[:, :-1]
    return solution.view(b, n, 2)


def _build(spec: Mapping[str, Any]) -> nn.Module:
    if "source" in spec:
        return load_teacher(**spec)
    return create(spec["name"], **spec.get("config", {}))
