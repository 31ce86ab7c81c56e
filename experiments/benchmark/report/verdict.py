"""Which model is better on a data set, in words: the first thing a reader of the report wants."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from experiments.benchmark.report.results import ModelResults
from experiments.benchmark.report.tables import NONE, Cell, ReportTable

BASELINES = ("baseline_constant", "baseline_latitude")
RESAMPLES = 9999
SEED = 0


@dataclass(frozen=True)
class DatasetVerdict:
    """What the scores of a data set say under one protocol.

    Attributes:
        dataset: The data set.
        best: Name of the best network; None where no network was scored.
        sentences: Best network against the baselines, against the next one, networks that a
            baseline beats, networks that the protocol cannot score.
    """

    dataset: str
    best: str | None
    sentences: tuple[str, ...]


def verdicts(results: Sequence[ModelResults], protocol: str) -> list[DatasetVerdict]:
    """Compare the networks on every data set by AbsRel under a protocol that scores all kinds.

    Args:
        results: Networks and baselines.
        protocol: One of `pano_losses.protocols`.
    """
    datasets = sorted({d for r in results for d in r.metrics})
    return [_verdict(results, dataset, protocol) for dataset in datasets]


def _verdict(results: Sequence[ModelResults], dataset: str, protocol: str) -> DatasetVerdict:
    scored = {r.model: s for r in results if (s := absrel_of(r, dataset, protocol)) is not None}
    networks = sorted((m for m in scored if m not in BASELINES), key=scored.__getitem__)
    baselines = {name: scored[name] for name in BASELINES if name in scored}
    if not networks:
        return DatasetVerdict(dataset, None, (f"No network has an AbsRel under {protocol}.",))
    best = networks[0]
    sentences = [_against_baselines(best, scored[best], baselines)]
    if len(networks) > 1:
        sentences.append(_against_next(results, dataset, protocol, best, networks[1]))
    for name, value in baselines.items():
        worse = [f"{m} ({scored[m]:.3f})" for m in networks if scored[m] >= value]
        if worse:
            sentences.append(f"No better than {_words(name)} ({value:.3f}): {', '.join(worse)}.")
    missing = [r.model for r in results if r.model not in scored]
    if missing:
        sentences.append(f"Without a score here: {', '.join(missing)}.")
    return DatasetVerdict(dataset, best, tuple(sentences))


def absrel_of(result: ModelResults, dataset: str, protocol: str) -> float | None:
    """Return the AbsRel of a model on a data set; None where the protocol does not score it."""
    value = (result.get(dataset, protocol) or {}).get("absrel")
    return value if value is not None and np.isfinite(value) else None


def _words(baseline: str) -> str:
    return {
        "baseline_constant": "a constant distance",
        "baseline_latitude": "the mean by latitude",
    }[baseline]


def _against_baselines(best: str, value: float, baselines: dict[str, float]) -> str:
    margins = []
    for name, other in baselines.items():
        share = f"{100 * abs(1 - value / other):.0f} % {'less' if value < other else 'more'}"
        margins.append(f"{share} than {_words(name)} ({other:.3f})")
    against = f", {' and '.join(margins)}" if margins else ""
    return f"Best network: {best}, AbsRel {value:.3f}{against}."


def _against_next(
    results: Sequence[ModelResults], dataset: str, protocol: str, best: str, following: str
) -> str:
    tables = {r.model: r.per_image.get((dataset, protocol)) for r in results}
    gap = paired_interval(tables[best], tables[following])
    if gap is None:
        return f"Next: {following}."
    mean, low, high, count = gap
    clear = "clear of 0" if low > 0 or high < 0 else "not clear of 0"
    return (
        f"Next: {following}, {mean:+.3f} on the same panorama (95 % interval over {count} "
        f"panoramas {low:+.3f} to {high:+.3f}, {clear})."
    )


def paired_interval(
    first: pd.Series | None, second: pd.Series | None
) -> tuple[float, float, float, int] | None:
    """Bootstrap the mean difference, second less first, over the panoramas that both have.

    Args:
        first: AbsRel by key of the panorama.
        second: Likewise.

    Returns:
        Mean, lower and upper end of the 95 % interval (percentiles), number of panoramas; None with
        fewer than two in common.
    """
    if first is None or second is None:
        return None
    difference = (second - first).dropna()
    if len(difference) < 2:
        return None
    values = difference.to_numpy(dtype=np.float64)
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(values.mean()), float(found.low), float(found.high), len(values)


def verdict_table(results: Sequence[ModelResults], protocol: str) -> ReportTable | None:
    """Make the table of AbsRel of every model on every data set; None where nothing was scored."""
    datasets = sorted(
        {d for r in results for d in r.metrics if absrel_of(r, d, protocol) is not None}
    )
    if not datasets:
        return None
    scores = {r.model: [absrel_of(r, d, protocol) for d in datasets] for r in results}
    best = [
        min((v for v in column if v is not None), default=None)
        for column in zip(*scores.values(), strict=True)
    ]
    rows = [
        [Cell(model), *(_cell(v, b) for v, b in zip(values, best, strict=True))]
        for model, values in scores.items()
    ]
    note = f"AbsRel under {protocol}, lower is better. One training of each network."
    return ReportTable("Which model is better", note, ("model", *datasets), rows)


def _cell(value: float | None, best: float | None) -> Cell:
    return Cell(NONE) if value is None else Cell(f"{value:.3f}", value == best)
