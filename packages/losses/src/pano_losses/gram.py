"""Dense-fidelity loss: Gram matrices of perspective views of the distance map."""

import math
from typing import Literal

import torch
from torch import Tensor

import pano_geometry as pg
from pano_geometry.pixels import to_index
from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import Reduced, fill_invalid, masked_mean, mean_over_images, safe_divide
from pano_losses.terms import Term

GramNormalisation = Literal["truth_max", "truth_mean", "row"]


def icosahedron_rotations() -> Float[Tensor, "12 3 3"]:
    """Return the camera-to-world rotations of 12 views towards the vertices of an icosahedron.

    Vertices `(0, +-1, +-g)`, `(+-1, +-g, 0)`, `(+-g, 0, +-1)` in a frame with z up: two views
    at 58.28 degrees of elevation, two at 31.72, four level ones, and the mirror of that. Cameras
    are not rolled.

    Source: panorama cameras of MoGe (arXiv 2410.19115), whose helpers DAP ships.
    """
    g = (1 + math.sqrt(5)) / 2
    ends = (-1.0, 1.0)
    corners = [(0.0, a, b * g) for a in ends for b in ends]
    corners += [(a, b * g, 0.0) for a in ends for b in ends]
    corners += [(a * g, 0.0, b) for a in ends for b in ends]
    x, y, up = torch.tensor(corners, dtype=torch.float64).unbind(1)
    yaw, pitch = torch.atan2(x, y), torch.atan2(up, torch.hypot(x, y))
    return pg.from_ypr(yaw, pitch, torch.zeros_like(yaw))


def cut_views(
    maps: Float[Tensor, "b c h w"], rotations: Float[Tensor, "n 3 3"], size: int, fov_deg: float
) -> Float[Tensor, "b n c f f"]:
    """Cut square perspective views of panoramas, sampled bilinearly, values kept (not turned to z).

    The same numbers as `pano_geometry.erp_to_perspective` of each view; written as four
    selections because those compile to one graph and have a deterministic gradient on CUDA, which
    `grid_sample` has not.
    """
    height, width = maps.shape[-2:]
    camera = pg.Perspective.from_fov(size, size, math.radians(fov_deg))
    rays = camera.rays(dtype=torch.float64, device=maps.device)
    world = torch.einsum("nij,yxj->nyxi", rotations.to(rays), rays)
    pixel = pg.Equirectangular(height, width).project(world).reshape(-1, 2)
    # Index coordinates in the map padded by one pixel as on the sphere.
    corner = to_index(pixel + 1).floor()
    across, down = (to_index(pixel + 1) - corner).to(maps.dtype).unbind(-1)
    column, row = corner.long().unbind(-1)
    first = row * (width + 2) + column
    flat = pg.pad(maps, 1).flatten(-2)
    upper, lower = (
        flat.index_select(-1, start) * (1 - across) + flat.index_select(-1, start + 1) * across
        for start in (first, first + width + 2)
    )
    views = upper * (1 - down) + lower * down
    return views.reshape(*maps.shape[:2], len(rotations), size, size).transpose(1, 2)


def gram_matrix_loss(
    prediction: Float[Tensor, "b 1 h w"],
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    rotations: Float[Tensor, "n 3 3"] | None = None,
    size: int = 128,
    fov_deg: float = 90.0,
    normalisation: GramNormalisation = "truth_max",
) -> Reduced:
    """Return the mean squared difference of the Gram matrices `D D^T / f` over perspective views.

    A view of distances `(f, f)` is taken as a matrix of rows; its Gram matrix holds how alike any
    two rows are. Views are free of the distortion of the panorama, so no latitude weight applies.
    Pixels that are not valid are zero in both views.

    Args:
        prediction: Distance, positive.
        target: True distance in the same unit, positive where valid.
        valid: True where the truth is usable.
        rotations: Camera-to-world rotations; `icosahedron_rotations` if not given.
        size: F, pixels of a view. DAP does not print it.
        fov_deg: Field of view.
        normalisation: What makes a view free of unit: its largest true distance or the mean of it
            (one number for both maps, so that the loss sees the scale), or each row by its own
            length. DAP says "normalise" only.

    Source: DAP (arXiv 2512.16913), eq. 2, L_DF, in the reading of docs/papers/dap_losses.md.
    """
    rotations = icosahedron_rotations() if rotations is None else rotations
    p, t = fill_invalid(prediction, valid, 0.0), fill_invalid(target, valid, 0.0)
    maps = cut_views(torch.cat([p, t, valid.to(t.dtype)], 1), rotations, size, fov_deg)
    found, truth, share = maps.flatten(0, 1).unbind(1)
    seen = share > 1 - 1e-3
    found, truth = _normalised(
        fill_invalid(found, seen, 0.0), fill_invalid(truth, seen, 0.0), seen, normalisation
    )
    # Half precision would overflow the squares of the products.
    with torch.autocast(found.device.type, enabled=False):
        difference = (found @ found.mT - truth @ truth.mT) / size
        value = (difference**2).flatten(1).mean(1)
    return mean_over_images(value, seen.flatten(1).any(1))


def _normalised(
    found: Tensor, truth: Tensor, seen: Tensor, rule: GramNormalisation
) -> tuple[Tensor, Tensor]:
    if rule == "row":
        return _unit_rows(found), _unit_rows(truth)
    scale = truth.flatten(1).amax(1) if rule == "truth_max" else masked_mean(truth, seen)
    scale = scale.reshape(-1, 1, 1)
    return safe_divide(found, scale.expand_as(found)), safe_divide(truth, scale.expand_as(truth))


def _unit_rows(view: Tensor) -> Tensor:
    length = torch.linalg.vector_norm(view, dim=-1, keepdim=True)
    return view / torch.where(length > 0, length, 1.0)


class GramMatrixLoss(Term):
    """`gram_matrix_loss` as a term; weight 0.4 in DAP."""

    def __init__(
        self,
        weight: float = 0.4,
        size: int = 128,
        fov_deg: float = 90.0,
        normalisation: GramNormalisation = "truth_max",
    ) -> None:
        super().__init__(weight)
        self.size = size
        self.fov_deg = fov_deg
        self.normalisation: GramNormalisation = normalisation
        self.register_buffer("rotations", icosahedron_rotations(), persistent=False)

    rotations: Tensor

    def forward(self, *, prediction: Tensor, target: Tensor, valid: Tensor) -> Reduced:
        """Return the loss of a batch."""
        return gram_matrix_loss(
            prediction, target, valid, self.rotations, self.size, self.fov_deg, self.normalisation
        )
