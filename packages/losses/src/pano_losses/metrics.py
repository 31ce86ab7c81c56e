"""The metrics of the field, each as a numerator and a denominator per image; and seam jumps.

A metric is `finish(numerator / denominator)`. Keeping the two apart is what lets one definition
serve a mean over pixels of an image, a mean over all pixels of a data set, any pixel weights, and
any number of processes.

Seam metrics score a prediction where the equirectangular map is cut but the sphere is not. All
are differences of `ln p - ln t` between two neighbouring pixels: the jump that the truth does
not have, free of scale. Each also comes as a ratio to the same difference between neighbours inside
the map: 1 means that the seam is as good as the rest, whatever the quality of the prediction.

Source: the idea of scoring seams apart is PaGeR's (arXiv 2605.26368); the definitions are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from pano_geometry.tensor_types import Bool, Float
from pano_losses.reduction import fill_invalid, masked_sum, safe_divide, sum_of_weights
from pano_losses.weighting import RowWeighting

Terms = Callable[[Tensor, Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]
Finish = Callable[[Tensor], Tensor]


def _identity(value: Tensor) -> Tensor:
    return value


@dataclass(frozen=True)
class Metric:
    """One number about a prediction.

    Attributes:
        terms: `(prediction, target, valid, weight) -> (numerator, denominator)`, both `(b,)`.
            Prediction and target are positive distances in one unit, aligned already.
        finish: Applied to the quotient, for example the square root of RMSE.
        formula: The definition in one line, for tables.
    """

    terms: Terms
    finish: Finish
    formula: str

    def per_image(
        self,
        prediction: Float[Tensor, "b 1 h w"],
        target: Float[Tensor, "b 1 h w"],
        valid: Bool[Tensor, "b 1 h w"],
        weight: Float[Tensor, "*any"] | None = None,
    ) -> Float[Tensor, "b"]:
        """Return the metric of each image; NaN where the image has nothing to be scored."""
        numerator, denominator = self.terms(prediction, target, valid, weight)
        return self.value(numerator, denominator)

    def value(self, numerator: Tensor, denominator: Tensor) -> Tensor:
        """Return the finished quotient; NaN where the denominator is zero."""
        quotient = self.finish(safe_divide(numerator, denominator))
        return torch.where(denominator > 0, quotient, torch.nan)


def pixel_metric(
    error: Callable[[Tensor, Tensor], Tensor], formula: str, finish: Finish = _identity
) -> Metric:
    """Build a metric that is the (weighted) mean of an error per pixel.

    Args:
        error: `(prediction, target) -> error`, elementwise.
        formula: The definition in one line.
        finish: Applied to the mean.
    """

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        p, t = fill_invalid(prediction, valid), fill_invalid(target, valid)
        return masked_sum(error(p, t), valid, weight), sum_of_weights(p, valid, weight)

    return Metric(terms, finish, formula)


def _within(power: int) -> Metric:
    bound = 1.25**power

    def hit(p: Tensor, t: Tensor) -> Tensor:
        return (torch.maximum(p / t, t / p) < bound).to(p.dtype)

    return pixel_metric(hit, f"share of max(p/t, t/p) < 1.25^{power}")


def _silog_terms(
    prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
) -> tuple[Tensor, Tensor]:
    log = torch.log(fill_invalid(prediction, valid)) - torch.log(fill_invalid(target, valid))
    count = sum_of_weights(log, valid, weight)
    first = safe_divide(masked_sum(log, valid, weight), count).reshape(-1, *(1,) * (log.ndim - 1))
    return masked_sum((log - first) ** 2, valid, weight), count


def weighted(metric: Metric, weighting: RowWeighting, name: str) -> Metric:
    """Build the same metric under pixel weights of its own, whatever the protocol weighs by.

    Args:
        metric: Metric that is a mean over pixels.
        weighting: Pixel weights by row.
        name: Of the weighting, for the formula.
    """

    def terms(
        prediction: Tensor, target: Tensor, valid: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        del weight
        return metric.terms(prediction, target, valid, weighting(target))

    return Metric(terms, metric.finish, f"{metric.formula}, by {name}")


absrel = pixel_metric(lambda p, t: (p - t).abs() / t, "mean |p - t| / t")
sqrel = pixel_metric(lambda p, t: (p - t) ** 2 / t, "mean (p - t)^2 / t")
mae = pixel_metric(lambda p, t: (p - t).abs(), "mean |p - t|")
rmse = pixel_metric(lambda p, t: (p - t) ** 2, "sqrt mean (p - t)^2", torch.sqrt)
rmse_log = pixel_metric(
    lambda p, t: (p.log() - t.log()) ** 2, "sqrt mean (ln p - ln t)^2", torch.sqrt
)
log10 = pixel_metric(lambda p, t: (p.log10() - t.log10()).abs(), "mean |log10 p - log10 t|")
delta1, delta2, delta3 = _within(1), _within(2), _within(3)
irmse = pixel_metric(lambda p, t: (1 / p - 1 / t) ** 2, "sqrt mean (1/p - 1/t)^2", torch.sqrt)
silog = Metric(_silog_terms, lambda v: 100.0 * torch.sqrt(v), "100 std (ln p - ln t)")
rmse_log10 = pixel_metric(
    lambda p, t: (p.log10() - t.log10()) ** 2, "sqrt mean (log10 p - log10 t)^2", torch.sqrt
)
rmse_log10_plus_one = pixel_metric(
    lambda p, t: (torch.log10(p + 1) - torch.log10(t + 1)) ** 2,
    "sqrt mean (log10(p+1) - log10(t+1))^2",
    torch.sqrt,
)

STANDARD: dict[str, Metric] = {
    "absrel": absrel,
    "sqrel": sqrel,
    "rmse": rmse,
    "rmse_log": rmse_log,
    "log10": log10,
    "mae": mae,
    "delta1": delta1,
    "delta2": delta2,
    "delta3": delta3,
}
"""What every protocol reports, under the names that tables use."""


Pair = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Both sides of a cut, as two equal shapes."""


def seam_neighbours(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the last and first column: neighbours across 180 degrees."""
    return field[..., -1:], field[..., :1]


def pole_neighbours(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first (and last) row and the same row half a turn on: neighbours across a pole."""
    half = field.shape[-1] // 2
    ends = torch.stack([field[..., 0, :], field[..., -1, :]], -2)
    return ends[..., :half], ends[..., half : 2 * half]


def horizontal_neighbours(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the neighbours along rows inside the map."""
    return field[..., :-1], field[..., 1:]


def vertical_neighbours(field: Tensor) -> tuple[Tensor, Tensor]:
    """Return the neighbours along columns inside the map."""
    return field[..., :-1, :], field[..., 1:, :]


def _sums(prediction: Tensor, target: Tensor, valid: Tensor, pair: Pair) -> tuple[Tensor, Tensor]:
    error = torch.log(fill_invalid(prediction, valid)) - torch.log(fill_invalid(target, valid))
    (here, there), (here_ok, there_ok) = pair(error), pair(valid)
    jump, known = (here - there).abs(), here_ok & there_ok
    return masked_sum(jump, known), sum_of_weights(jump, known)


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
        usual = safe_divide(*_sums(prediction, target, valid, inside))
        return safe_divide(total, count), torch.where(count > 0, usual, 0.0)

    return Metric(terms, lambda v: v, formula)


SEAM: dict[str, Metric] = {
    "seam_jump": _jump(seam_neighbours, "mean |jump of ln p/t| across 180 deg"),
    "seam_ratio": _against(
        seam_neighbours, horizontal_neighbours, "seam_jump / the same between columns"
    ),
    "pole_jump": _jump(pole_neighbours, "mean |jump of ln p/t| across the poles"),
    "pole_ratio": _against(
        pole_neighbours, vertical_neighbours, "pole_jump / the same between rows"
    ),
}
