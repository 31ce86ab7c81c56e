"""Fusion in the gradient domain: a Poisson equation on the sphere, solved coarse to fine."""

import math
from dataclasses import dataclass

import torch
from torch.nn.functional import avg_pool2d, interpolate

from pano_geometry.arrays import takes_arrays
from pano_geometry.cameras.perspective import Perspective
from pano_geometry.fusion.average import ViewsOnErp, align, blend, project_views
from pano_geometry.pixels import FULL_TURN, HALF_TURN, centre_angles
from pano_geometry.tensor_types import Bool, Float, Tensor

COARSEST = 16
"""Rows below which no coarser level is made."""


@dataclass(frozen=True)
class _Edges:
    """Wanted differences between neighbours, and their weights.

    Attributes:
        right, right_weight: (b, 1, h, w) between a pixel and the one to its right (wraps).
        down, down_weight: (b, 1, h - 1, w) between a pixel and the one below.
        anchor, anchor_weight: (b, 1, h, w) the wanted values themselves.
    """

    right: Tensor
    right_weight: Tensor
    down: Tensor
    down_weight: Tensor
    anchor: Tensor
    anchor_weight: Tensor


@takes_arrays
def fuse_gradients(
    views: Float[Tensor, "b n 1 s t"],
    camera: Perspective,
    rotations: Float[Tensor, "n 3 3"],
    height: int,
    width: int,
    valid: Bool[Tensor, "b n 1 s t"] | None = None,
    data_weight: float = 1e-3,
    iterations: int = 60,
    tolerance: float = 1e-5,
) -> tuple[Float[Tensor, "b 1 h w"], Bool[Tensor, "b 1 h w"]]:
    """Fuse views of unknown scale so that the gradients of their logarithms are kept.

    After a scale for each view (`align_views`), the logarithm of distance is the least-squares
    solution of: differences between neighbouring pixels as the views see them (weighted mean
    over views), plus a weak pull towards the blended values. What the views disagree about by
    slowly varying factors is spread over the sphere and leaves no steps. Solved by conjugate
    gradients on a pyramid, each level starting from the coarser one. No gradients flow.

    Args:
        views: distance maps (> 0) of n perspective views, each up to a factor.
        camera: of all views.
        rotations: camera-to-world, one per view.
        height: of the panorama, pixels.
        width: of the panorama, pixels; even.
        valid: pixels to use; the finite positive ones if not given.
        data_weight: weight of the pull towards the blend, per steradian, against 1 for slopes.
        iterations: most steps of conjugate gradients on each level.
        tolerance: relative residual at which a level is done.

    Returns:
        The panorama, 0 where nothing valid is seen, and where something is.

    Source: Rey-Area et al., 360MonoDepth, CVPR 2022, section 3.4 (blending of tangent
    disparity maps in the gradient domain); here on the metric of the sphere.

    Raises:
        ShapeError: If views, masks or rotations do not fit.
        ValueError: If a weight or count is not positive, or a rotation is not proper.
    """
    if data_weight <= 0 or iterations < 1:
        raise ValueError(
            f"data_weight, iterations: got {data_weight}, {iterations}, expected both positive"
        )
    usable = torch.isfinite(views) & (views > 0)
    usable = usable if valid is None else usable & valid
    with torch.no_grad():
        on_erp = project_views(views, camera, rotations, height, width, usable)
        _, covered, fit = align(on_erp, "scale")
        seen = on_erp.weights > 0
        scaled = torch.where(seen, on_erp.values * fit[..., :1, None], 1.0)
        logs = ViewsOnErp(torch.log(scaled).double(), on_erp.weights.double())
        solution = _solve(_edges(logs, data_weight), iterations, tolerance)
        fused = torch.exp(solution).to(views.dtype)
    return torch.where(covered, fused, torch.zeros_like(fused)), covered


def _edges(logs: ViewsOnErp, data_weight: float) -> _Edges:
    """Return mean differences over the views that see both ends, on the metric of the sphere."""
    value, weight = logs.values, logs.weights
    height, width = value.shape[-2:]
    across, along, area = _metric(height, width, value.device)
    right, right_weight = _mean_difference(
        value.roll(-1, -1) - value, torch.minimum(weight, weight.roll(-1, -1))
    )
    down, down_weight = _mean_difference(
        value[..., 1:, :] - value[..., :-1, :],
        torch.minimum(weight[..., 1:, :], weight[..., :-1, :]),
    )
    anchor, covered = blend(logs)
    return _Edges(
        right,
        right_weight * across,
        down,
        down_weight * along,
        anchor,
        covered.double() * area * data_weight,
    )


def _mean_difference(difference: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weighted mean over views (b, 1, h, w), and 1 where there is one."""
    total = weight.sum(1, keepdim=True)
    known = total > 0
    mean = (difference * weight).sum(1, keepdim=True) / torch.where(known, total, 1.0)
    return mean, known.double()


def _metric(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the length over spacing of the cell walls to the right and below, and cell areas.

    These weights make squared differences the integral of the squared gradient on the sphere;
    walls at the poles have no length, so nothing need cross them.
    """
    row, column = HALF_TURN / height, FULL_TURN / width
    lat = centre_angles(height, HALF_TURN, device)
    walls = lat[:-1] + 0.5 * row
    across = (row / (column * torch.cos(lat)))[:, None]
    along = (torch.cos(walls) * column / row)[:, None]
    return across, along, (torch.cos(lat) * row * column)[:, None]


def _solve(edges: _Edges, iterations: int, tolerance: float) -> Tensor:
    """Solve from coarse to fine: the solution of a level starts the next finer one."""
    height, width = edges.anchor.shape[-2:]
    if height % 2 == 0 and width % 2 == 0 and height >= 2 * COARSEST:
        coarse = _solve(_coarser(edges), iterations, tolerance)
        padded = torch.cat([coarse[..., -1:], coarse, coarse[..., :1]], -1)
        start = interpolate(padded, scale_factor=2, mode="bilinear", align_corners=False)
        start = start[..., 2:-2]
    else:
        start = edges.anchor
    return _conjugate_gradients(edges, start, iterations, tolerance)


def _coarser(edges: _Edges) -> _Edges:
    """Return the same problem on half the rows and columns, by averaging wanted gradients."""
    height, width = edges.anchor.shape[-2:]
    across, along, area = _metric(height // 2, width // 2, edges.anchor.device)
    share = avg_pool2d((edges.anchor_weight > 0).double(), 2)
    anchor = avg_pool2d(torch.where(edges.anchor_weight > 0, edges.anchor, 0.0), 2)
    pull = float((edges.anchor_weight / _metric(height, width, edges.anchor.device)[2]).max())
    # A coarse difference spans two fine ones: from the middle of one pair to that of the next.
    right, right_known = _paired(edges.right, edges.right_weight, wrap=True)
    down, down_known = _paired(edges.down.mT, edges.down_weight.mT, wrap=False)
    return _Edges(
        right,
        right_known * across,
        down.mT,
        down_known.mT * along,
        anchor / torch.where(share > 0, share, 1.0),
        (share > 0).double() * area * pull,
    )


def _paired(difference: Tensor, weight: Tensor, wrap: bool) -> tuple[Tensor, Tensor]:
    """Return the differences along the last axis between means of pairs, over pairs of lines.

    The mean of pixels 2, 3 minus that of 0, 1 is (d01 + 2 d12 + d23) / 2.
    """
    if wrap:
        d = difference
        w = (weight > 0).double()
        first, middle, last = (
            (torch.roll(d, -k, -1)[..., ::2], torch.roll(w, -k, -1)[..., ::2]) for k in range(3)
        )
    else:
        d, w = difference, (weight > 0).double()
        first, middle, last = (
            (d[..., k : d.shape[-1] - 2 + k : 2], w[..., k : d.shape[-1] - 2 + k : 2])
            for k in range(3)
        )
    total = (first[0] + 2 * middle[0] + last[0]) / 2
    known = first[1] * middle[1] * last[1]
    total = total * known
    pairs, count = (field[..., ::2, :] + field[..., 1::2, :] for field in (total, known))
    return pairs / count.clamp_min(1.0), (count > 0).double()


def _apply(edges: _Edges, x: Tensor) -> Tensor:
    """Return the matrix of the normal equations."""
    flow_right = edges.right_weight * (x.roll(-1, -1) - x)
    flow_down = edges.down_weight * (x[..., 1:, :] - x[..., :-1, :])
    return edges.anchor_weight * x - _divergence(flow_right, flow_down)


def _divergence(right: Tensor, down: Tensor) -> Tensor:
    inward = right - right.roll(1, -1)
    inward[..., :-1, :] += down
    inward[..., 1:, :] -= down
    return inward


def _diagonal(edges: _Edges) -> Tensor:
    total = edges.anchor_weight + edges.right_weight + edges.right_weight.roll(1, -1)
    total[..., :-1, :] += edges.down_weight
    total[..., 1:, :] += edges.down_weight
    return total


def _conjugate_gradients(edges: _Edges, x: Tensor, iterations: int, tolerance: float) -> Tensor:
    """Run Jacobi-preconditioned conjugate gradients, each sample with its own step lengths."""
    diagonal = _diagonal(edges)
    lonely = diagonal == 0
    inverse = torch.where(lonely, 0.0, diagonal.clamp_min(1e-300).reciprocal())
    right = edges.anchor_weight * edges.anchor - _divergence(
        edges.right_weight * edges.right, edges.down_weight * edges.down
    )
    residual = right - _apply(edges, x)
    z = residual * inverse
    direction, product = z, _dot(residual, z)
    enough = tolerance * tolerance * _dot(right, right * inverse).clamp_min(1e-300)
    for _ in range(iterations):
        if bool((product <= enough).all()):
            break
        image = _apply(edges, direction)
        step = product / _dot(direction, image).clamp_min(math.ulp(0.0))
        x = x + step * direction
        residual = residual - step * image
        z = residual * inverse
        previous, product = product, _dot(residual, z)
        direction = z + (product / previous.clamp_min(1e-300)) * direction
    return x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3), keepdim=True)
