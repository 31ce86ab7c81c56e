"""From maps to numbers, under a named protocol."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from pano_geometry.spelling import ask_meant
from pano_geometry.tensor_types import Bool, Float
from pano_losses import weighting
from pano_losses.protocol import Protocol
from pano_losses.reduction import fill_invalid, safe_divide
from pano_losses.rulebook import protocols

ROUNDING = 1e-6  # relative; that of a float32 distance

MapOrMaps = Tensor | Mapping[str, Tensor]


class Scores(dict[str, float]):
    """Metrics by name, with the protocol they were made under.

    Attributes:
        protocol: Id of the protocol.
        images_scored: Images that had at least one pixel to score.
        images_skipped: Images that had none.
    """

    def __init__(
        self, values: Mapping[str, float], protocol: str, images_scored: int, images_skipped: int
    ) -> None:
        super().__init__(values)
        self.protocol = protocol
        self.images_scored = images_scored
        self.images_skipped = images_skipped

    def record(self) -> dict[str, float | int | str]:
        """Return one flat row, ready for JSON."""
        return {
            "protocol": self.protocol,
            **self,
            "images_scored": self.images_scored,
            "images_skipped": self.images_skipped,
        }

    def __repr__(self) -> str:
        values = ", ".join(f"{name} {value:.4f}" for name, value in self.items())
        images = f"{self.images_scored} images, {self.images_skipped} skipped"
        return f"[{self.protocol}] {values} ({images})"


class ImageScores(NamedTuple):
    """What one batch contributes, per image.

    Attributes:
        numerators: `(b,)` by metric.
        denominators: `(b,)` by metric; zero where the image has nothing to score for it.
        pixels: `(b,)` number of scored pixels.
    """

    numerators: dict[str, Tensor]
    denominators: dict[str, Tensor]
    pixels: Tensor

    def values(self, protocol: Protocol) -> dict[str, Tensor]:
        """Return each metric of each image; NaN where the image has nothing to score for it."""
        return {
            name: metric.value(self.numerators[name], self.denominators[name])
            for name, metric in protocol.metrics.items()
        }


class Moments(NamedTuple):
    """Sums over images that determine the scores: what processes exchange.

    Attributes:
        total: `(metrics,)` sum of values (averaging by image) or of numerators (by pixel).
        amount: `(metrics,)` number of images with a value, or sum of denominators.
        images: `(2,)` images scored, images without a pixel to score.
    """

    total: Tensor
    amount: Tensor
    images: Tensor


def evaluate(
    prediction: MapOrMaps,
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    protocol: str | Protocol,
    *,
    far: Bool[Tensor, "b 1 h w"] | None = None,
    observed: Bool[Tensor, "b 1 h w"] | None = None,
    dataset: str | None = None,
) -> Scores:
    """Score predictions under a protocol.

    Args:
        prediction: Map `(b, 1, h, w)` of the kind that the protocol prefers, or a dict of maps
            by key (`distance_metric`, `distance_scale_invariant`, `disparity_affine` and,
            optionally, `far_probability`).
        target: True distance in metres; positive where valid, anything elsewhere.
        valid: True where the truth is usable.
        protocol: Id or protocol.
        far: True for sky and beyond range. Scored only where the protocol says so.
        observed: True where the image shows content; used by protocols that align on it.
        dataset: Data set id, for the few rules that depend on it.

    Returns:
        Metrics by name. Images without a pixel to score are skipped and counted.

    Raises:
        ValueError: Unknown protocol; shapes that differ; a prediction kind that the protocol
            cannot score; truth that is not positive and finite, or a prediction that is not
            finite, where valid.
    """
    rules = resolve(protocol)
    scores = score_images(
        prediction, target, valid, rules, far=far, observed=observed, dataset=dataset
    )
    return summarise(accumulate(scores, rules), rules)


class UnknownProtocolError(ValueError):
    """No protocol of that name."""


def resolve(protocol: str | Protocol) -> Protocol:
    """Return the protocol of an id.

    Raises:
        UnknownProtocolError: If there is none of this name.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in protocols:
        got = f"got protocol {protocol!r}{ask_meant(protocol, protocols)}"
        raise UnknownProtocolError(f"{got}, expected one of {', '.join(sorted(protocols))}")
    return protocols[protocol]


def score_images(
    prediction: MapOrMaps,
    target: Float[Tensor, "b 1 h w"],
    valid: Bool[Tensor, "b 1 h w"],
    protocol: Protocol,
    *,
    far: Bool[Tensor, "b 1 h w"] | None = None,
    observed: Bool[Tensor, "b 1 h w"] | None = None,
    dataset: str | None = None,
) -> ImageScores:
    """Return numerators and denominators of each image; arguments and errors as for `evaluate`."""
    maps = prediction if isinstance(prediction, Mapping) else {protocol.accepts[0]: prediction}
    kind = protocol.kind_of(frozenset(maps))
    _check_shapes({**maps, "valid": valid, "far": far, "observed": observed}, target)
    target, mask = _truth(_exact(target), valid, far, protocol, dataset)
    predicted = _exact(maps[kind])
    if protocol.far_fill is not None and "far_probability" in maps:
        predicted = torch.where(maps["far_probability"] >= 0.5, protocol.far_fill, predicted)
    _check_finite(predicted, mask, kind)
    weight = protocol.weighting(target)
    support = mask if observed is None or not protocol.align_where_observed else mask & observed
    predicted, target = _aligned(predicted, target, mask, support, weight, kind, protocol)
    terms = {
        name: metric.terms(predicted, target, mask, weight)
        for name, metric in protocol.metrics.items()
    }
    return ImageScores(
        {name: term[0] for name, term in terms.items()},
        {name: term[1] for name, term in terms.items()},
        mask.flatten(1).sum(1),
    )


def accumulate(scores: ImageScores, protocol: Protocol) -> Moments:
    """Sum over the images of a batch; sums of several batches or processes simply add up."""
    if protocol.averaging == "pixel":
        total = torch.stack([n.sum() for n in scores.numerators.values()])
        count = torch.stack([d.sum() for d in scores.denominators.values()])
    else:
        values = torch.stack(list(scores.values(protocol).values()))
        kept = torch.isfinite(values)
        if protocol.empty == "nan":
            kept = kept | (scores.pixels == 0)
        total, count = torch.where(kept, values, 0.0).sum(1), kept.sum(1).to(values)
    scored = (scores.pixels > 0).sum()
    return Moments(total, count, torch.stack([scored, scores.pixels.numel() - scored]))


def summarise(moments: Moments, protocol: Protocol) -> Scores:
    """Return the means of the sums; NaN for a metric that no image had a value for."""
    mean = torch.where(moments.amount > 0, safe_divide(moments.total, moments.amount), torch.nan)
    if protocol.averaging == "pixel":
        finished = [m.finish(v) for m, v in zip(protocol.metrics.values(), mean, strict=True)]
        mean = torch.stack(finished)
    values = dict(zip(protocol.metrics, mean.tolist(), strict=True))
    scored, skipped = (int(n) for n in moments.images.tolist())
    return Scores(values, protocol.id, scored, skipped)


def _exact(value: Tensor) -> Tensor:
    return value.to(torch.float32 if value.device.type == "mps" else torch.float64)


def _check_shapes(maps: Mapping[str, Tensor | None], target: Tensor) -> None:
    if target.ndim != 4 or target.shape[1] != 1:
        raise ValueError(f"got target of shape {tuple(target.shape)}, expected (b, 1, h, w)")
    for name, value in maps.items():
        if value is not None and value.shape != target.shape:
            raise ValueError(
                f"got {name} of shape {tuple(value.shape)} and target of shape "
                f"{tuple(target.shape)}, expected the same: resize the prediction to the truth"
            )
    for name in ("valid", "far", "observed"):
        mask = maps[name]
        if mask is not None and mask.dtype != torch.bool:
            raise ValueError(f"got {name} of dtype {mask.dtype}, expected torch.bool")


def _truth(
    target: Tensor, valid: Tensor, far: Tensor | None, protocol: Protocol, dataset: str | None
) -> tuple[Tensor, Tensor]:
    """Return the true distance in the protocol's unit, one under the mask, and the mask."""
    wrong = valid & ~((target > 0) & torch.isfinite(target))
    if wrong.any():
        raise ValueError(
            f"got {int(wrong.sum())} valid pixels with a true distance that is zero, negative or "
            "not finite, expected positive metres: clear `valid` there"
        )
    target = fill_invalid(target * protocol.decoding.get(dataset or "", 1.0), valid)
    if dataset in protocol.far_scored:
        beyond = valid & (target > protocol.high)
        beyond = beyond if far is None else beyond | far
        target, valid = torch.where(beyond, protocol.high, target), valid | beyond
    elif far is not None:
        valid = valid & ~far
    # Truth decoded to metres and back must stay on its side of the limit.
    slack = ROUNDING if protocol.high_inclusive else -ROUNDING
    mask = valid & (target > protocol.low) & (target <= protocol.high * (1 + slack))
    return target, mask & _uncropped(target, protocol.crop.get(dataset or "", 0.0))


def _uncropped(like: Tensor, share: float) -> Tensor:
    height = like.shape[-2]
    cut = round(share * height)
    row = torch.arange(height, device=like.device)[:, None]
    return (row >= cut) & (row < height - cut)


def _check_finite(predicted: Tensor, mask: Tensor, kind: str) -> None:
    wrong = mask & ~torch.isfinite(predicted)
    if wrong.any():
        raise ValueError(
            f"got {int(wrong.sum())} pixels of {kind} that are NaN or infinite where the truth is "
            "valid: a protocol does not hide them, repair the prediction"
        )


def _aligned(
    predicted: Tensor,
    target: Tensor,
    mask: Tensor,
    support: Tensor,
    weight: Tensor,
    kind: str,
    protocol: Protocol,
) -> tuple[Tensor, Tensor]:
    """Return prediction and truth as compared: aligned, clamped, in the unit of the report."""
    predicted = fill_invalid(predicted, mask)
    weights = None if protocol.weighting is weighting.uniform else weight
    if protocol.clamp_first:
        predicted, target = _clamped(predicted, target, protocol)
    if protocol.space == "disparity":
        predicted = predicted if kind == "disparity_affine" else _inverse(predicted)
        fit = protocol.alignment(predicted, _inverse(target), support, weights)
        disparity = fit.apply(predicted)
        predicted = _inverse(disparity.clamp(min=protocol.disparity_floor))
    else:
        predicted = protocol.alignment(predicted, target, support, weights).apply(predicted)
    if protocol.between is not None:
        predicted = predicted.clamp(*protocol.between)
    if protocol.second_alignment is not None:
        predicted = protocol.second_alignment(predicted, target, support, weights).apply(predicted)
    if not protocol.clamp_first:
        predicted, target = _clamped(predicted, target, protocol)
    return predicted * protocol.report_scale, target * protocol.report_scale


def _clamped(predicted: Tensor, target: Tensor, protocol: Protocol) -> tuple[Tensor, Tensor]:
    predicted = predicted.clamp(*protocol.clamp_prediction)
    target = target.clamp(*protocol.clamp_target)
    if protocol.defect is not None:
        predicted, target = protocol.defect(predicted, target, protocol.high)
    return predicted, target


def _inverse(value: Tensor) -> Tensor:
    return safe_divide(torch.ones_like(value), value)
