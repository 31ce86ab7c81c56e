"""Jumps of a prediction where the equirectangular map is cut but the sphere is not.

All are differences of `ln p - ln t` between two neighbouring pixels: the jump that the truth does
not have, free of scale. Each also comes as a ratio to the same difference between neighbours inside
the map: 1 means that the seam is as good as the rest, whatever the quality of the prediction.

Source: the idea of scoring seams apart is PaGeR's (arXiv 2605.26368); the definitions are ours.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from pano_losses.metrics import Metric
from pano_losses.reduction import blank, masked_sum, ratio, support

Pair = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Both sides of a cut, as two equal shapes."""


def across_the_side(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last and first column: neighbours across 180 degrees."""
    return field[..., -1:], field[..., :1]


def across_the_poles(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first (and last) row and the same row half a turn on: neighbours across a pole."""
    half = field.shape[-1] // 2
    ends = torch.stack([field[..., 0, :], field[..., -1, :]], -2)
    return ends[..., :half], ends[..., half : 2 * half]


def between_columns(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the neighbours along rows inside the map."""
    return field[..., :-1], field[..., 1:]


def between_rows(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the neighbours along columns inside the map."""
    return field[..., :-1, :], field[..., 1:, :]


def _sums(prediction: Tensor, target: Tensor, valid: Tensor, pair: Pair) -> tuple[Tensor, Tensor]:
    error = torch.log(blank(prediction, valid)) - torch.log(blank(target, valid))
    (here, there), (here_ok, there_ok) = pair(error), pair(valid)
    jump, known = (here - there).abs(), here_ok & there_ok
    return masked_sum(jump, known), support(jump, known)


def _jump(cut: Pair, formula: str) -> Metric:
    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        del weight
        return _sums(prediction, target, valid, cut)

    return Metric(terms, lambda v: v, formula)


def _against(cut: Pair, inside: Pair, formula: str) -> Metric:
    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        del weight
        total, count = _sums(prediction, target, valid, cut)
        usual = ratio(*_sums(prediction, target, valid, inside))
        return ratio(total, count), torch.where(count > 0, usual, 0.0)

    return Metric(terms, lambda v: v, formula)


SEAM: dict[str, Metric] = {
    "seam_jump": _jump(across_the_side, "mean |jump of ln p/t| across 180 deg"),
    "seam_ratio": _against(
        across_the_side, between_columns, "seam_jump / the same between columns"
    ),
    "pole_jump": _jump(across_the_poles, "mean |jump of ln p/t| across the poles"),
    "pole_ratio": _against(across_the_poles, between_rows, "pole_jump / the same between rows"),
}
