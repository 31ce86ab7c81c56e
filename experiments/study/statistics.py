"""Effects over seeds and images: crossed bootstrap, one-sided tests, equivalence, Holm, power.

The metric of an arm is a matrix, a row per seed and a column per image. Seeds are paired between
arms, and so are images. An effect is a contrast of the logarithms of the arms' means; its spread
comes from a bootstrap that draws seeds and images anew, both for all arms at once, less what such a
bootstrap counts twice too often. Three to five seeds are few: a draw takes one seed less than there
are (and one image less per test set), so that its variance is not too small, and the quantiles are
those of Student's t with the degrees of freedom that the variance components give (Satterthwaite).

Source: Owen (2007), The pigeonhole bootstrap; Rao and Wu (1988) for draws of n - 1; Satterthwaite
(1946); Holm (1979).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
RESAMPLES = 4000
CONFIDENCE = 0.95
MOST_SEEDS = 1000


@dataclass(frozen=True)
class ArmScores:
    """The metric of several arms on the images of one test set.

    Attributes:
        values: Arm -> `(seeds, images)`, all finite and positive; rows and columns of all arms
            belong to the same seeds and images.
    """

    values: Mapping[str, Floats]

    def __post_init__(self) -> None:
        shapes = {v.shape for v in self.values.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2:
            raise ValueError(f"got shapes {sorted(shapes)}, expected one (seeds, images) of all")
        for arm, matrix in self.values.items():
            if not (np.isfinite(matrix).all() and (matrix.mean(1) > 0).all()):
                raise ValueError(f"arm {arm}: got values without a logarithm of their mean")


@dataclass(frozen=True)
class Effect:
    """A contrast with its uncertainty.

    Attributes:
        value: The contrast; below 0 is less error.
        error: Its standard error.
        freedom: Degrees of freedom of the error.
        low: Lower end of the 95 % interval.
        high: Upper end.
        seeds: Number of seeds.
        images: Number of images, over all test sets.
        by_seed: Its value with each seed alone.
        seed_variance: Part of the variance that more seeds would lower, for one seed.
        image_variance: Part that they would not.
    """

    value: float
    error: float
    freedom: float
    low: float
    high: float
    seeds: int
    images: int
    by_seed: tuple[float, ...]
    seed_variance: float
    image_variance: float

    def p_below(self, limit: float = 0.0) -> float:
        """Return the one-sided p of "the effect is below `limit`"."""
        return float(stats.t.cdf((self.value - limit) / self.error, self.freedom))

    def p_above(self, limit: float = 0.0) -> float:
        """Return the one-sided p of "the effect is above `limit`"."""
        return float(stats.t.sf((self.value - limit) / self.error, self.freedom))

    def p_within(self, margin: float) -> float:
        """Return the p of "the effect lies within ± margin": the larger of two one-sided tests."""
        return max(self.p_below(margin), self.p_above(-margin))

    def p_beyond(self, margin: float) -> float:
        """Return the p of "the effect lies beyond ± margin", either way (Bonferroni)."""
        return min(1.0, 2 * min(self.p_below(-margin), self.p_above(margin)))


def contrast_of(means: Sequence[Mapping[str, float]], contrast: Mapping[str, float]) -> float:
    """Return a contrast of the logarithms of the arms' means; test sets weigh the same.

    Args:
        means: Of each test set: arm -> mean of the metric.
        contrast: Arm -> weight.
    """
    terms = (w * np.log(mean[arm]) for mean in means for arm, w in contrast.items() if w)
    return float(sum(terms) / len(means))


def effect(
    sets: Sequence[ArmScores],
    contrast: Mapping[str, float],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Effect:
    """Estimate a contrast over test sets, which weigh the same.

    Args:
        sets: Scores on each test set, with the same seeds in the same order.
        contrast: Arm -> weight.
        resamples: Draws of the bootstrap.
        seed: Of the draws.

    Raises:
        ValueError: Fewer than two seeds or images, or sets of different seeds.
    """
    arms = [arm for arm, weight in contrast.items() if weight]
    shapes = [s.values[arms[0]].shape for s in sets]
    seeds = shapes[0][0]
    if {shape[0] for shape in shapes} != {seeds} or seeds < 2 or min(n for _, n in shapes) < 2:
        raise ValueError(f"got (seeds, images) of {shapes}, expected two of each, and equal seeds")
    rng = np.random.default_rng(seed)
    rows = _draws(rng, resamples, seeds)
    drawn, by_seed = np.zeros(resamples), np.zeros(seeds)
    value = contrast_of([{a: s.values[a].mean() for a in arms} for s in sets], contrast)
    influence = []
    for scores, (_, images) in zip(sets, shapes, strict=True):
        columns = _draws(rng, resamples, images)
        linear = np.zeros((seeds, images))
        for arm in arms:
            matrix, weight = scores.values[arm], contrast[arm] / len(sets)
            by_seed += weight * np.log(matrix.mean(1))
            drawn += weight * np.log(((rows @ matrix) * columns).sum(1))
            linear += weight * (matrix / matrix.mean() - 1)
        influence.append(linear)
    components = [_components(linear) for linear in influence]
    shared = _shared_seed_square(influence)
    freedom = _freedom(shared, components, seeds)
    # The bootstrap of two crossed samples counts what is neither of seeds nor of images thrice.
    counted_twice_more = sum(2 * c.rest_square / (seeds * c.images) for c in components)
    variance = max(float(drawn.var(ddof=1)) - counted_twice_more, shared / seeds, 1e-24)
    error = float(np.sqrt(variance))
    half = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    of_images = sum(
        max(c.image_square - c.rest_square, 0.0) / (seeds * c.images) for c in components
    )
    of_images = min(of_images, error**2 * (1 - 1e-9))
    return Effect(
        value, error, freedom, value - half, value + half, seeds, sum(n for _, n in shapes),
        tuple(by_seed.tolist()), (error**2 - of_images) * seeds, of_images,
    )  # fmt: skip


def _draws(rng: np.random.Generator, resamples: int, count: int) -> Floats:
    """Return weights `(resamples, count)` of draws of `count - 1` of `count`; rows add up to 1."""
    return rng.multinomial(count - 1, np.full(count, 1 / count), resamples) / (count - 1)


@dataclass(frozen=True)
class _Components:
    """Mean squares of a two-way layout of seeds and images without repetition."""

    image_square: float
    rest_square: float
    images: int


def _components(linear: Floats) -> _Components:
    seeds, images = linear.shape
    of_images = linear.mean(0) - linear.mean()
    rest = linear - linear.mean(1, keepdims=True) - of_images
    rest_square = (rest**2).sum() / ((seeds - 1) * (images - 1))
    return _Components(seeds * (of_images**2).sum() / (images - 1), rest_square, images)


def _shared_seed_square(influence: Sequence[Floats]) -> float:
    """Return the variance between seeds of the effect of one seed, over all test sets together."""
    return float(sum(linear.mean(1) for linear in influence).var(ddof=1))


def _freedom(seed_square: float, components: Sequence[_Components], seeds: int) -> float:
    """Return Satterthwaite's degrees of freedom of the variance of the effect.

    The variance is a sum of mean squares, each with a weight: that between seeds over their number,
    and, of each test set, that between images less the rest. It is never below that of the seeds
    alone.
    """
    parts = [(seed_square / seeds, seeds - 1.0)]
    for c in components:
        total = seeds * c.images
        parts.append((c.image_square / total, c.images - 1.0))
        parts.append((-c.rest_square / total, (seeds - 1.0) * (c.images - 1.0)))
    variance = max(sum(part for part, _ in parts), parts[0][0])
    spread = sum(part**2 / freedom for part, freedom in parts)
    return float(max(variance**2 / spread, seeds - 1.0)) if spread > 0 else seeds - 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Return p values adjusted by Holm's step-down rule, in the order given."""
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, index in enumerate(np.argsort(p, kind="stable")):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted


def power(found: Effect, true: float, level: float, seeds: int | None = None) -> float:
    """Return the chance that a one-sided test at `level` finds a true effect below 0.

    Args:
        found: Gives the variances.
        true: The effect, below 0.
        level: Of the test.
        seeds: Number of seeds; that of `found` if None.
    """
    count = seeds or found.seeds
    error = np.sqrt(found.seed_variance / count + found.image_variance)
    freedom = found.freedom * (count - 1) / (found.seeds - 1)
    return float(stats.nct.cdf(stats.t.ppf(level, freedom), freedom, true / error))


def power_within(found: Effect, margin: float, level: float, seeds: int | None = None) -> float:
    """Return the chance that two one-sided tests find no difference where there is none."""
    count = seeds or found.seeds
    error = np.sqrt(found.seed_variance / count + found.image_variance)
    freedom = found.freedom * (count - 1) / (found.seeds - 1)
    room = margin / error - stats.t.isf(level, freedom)
    return float(max(0.0, 2 * stats.t.cdf(room, freedom) - 1))


def seeds_needed(found: Effect, true: float, level: float, wanted: float = 0.8) -> int | None:
    """Return how many seeds find a true effect with a chance of `wanted`; None if no number does.

    More seeds leave the variance between images: a small effect may need more images as well.
    """
    return _fewest(lambda count: power(found, true, level, count), wanted)


def seeds_needed_within(
    found: Effect, margin: float, level: float, wanted: float = 0.8
) -> int | None:
    """Return how many seeds find "no difference" where there is none; None if no number does."""
    return _fewest(lambda count: power_within(found, margin, level, count), wanted)


def _fewest(chance: Callable[[int], float], wanted: float) -> int | None:
    """Return the smallest count up to `MOST_SEEDS` with a chance; chances rise with the count."""
    if chance(MOST_SEEDS) < wanted:
        return None
    low, high = 1, MOST_SEEDS  # the chance at `low` is too small, at `high` it does
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if chance(middle) >= wanted else (middle, high)
    return high
