"""What the page says, as plain values that Markdown and HTML print alike."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from experiments.study.claims import Claim, Scale
from experiments.study.plan import Run
from experiments.study.results import Place, Runs, image_scores
from experiments.study.statistics import Effect
from experiments.study.verdict import (
    CONFIRMED,
    CONTRADICTED,
    LEVEL,
    NOT_RUN,
    UNDECIDED,
    Finding,
    Verdict,
)

WORDS = (CONFIRMED, CONTRADICTED, UNDECIDED, NOT_RUN)
NONE = "–"
LIMITS = {
    "default": (
        "Worlds, not photographs: rooms and streets rendered by one generator, 128x256, a few "
        "hundred of them; trainings of 60 to 240 steps of small networks on an encoder with "
        "ImageNet's weights. An effect that needs scale, real pictures or long training cannot "
        "show here, and one that shows may vanish there. The worlds are the same for all seeds, "
        "and two views of one world count as two images. The out-painter is a reflection, the "
        "paper's a diffusion model; the teacher of views was trained on worlds like those it "
        "labels; claims on DAP's losses and masks are tested on its first stage alone."
    ),
    "long": (
        "Worlds, not photographs, ten times as many as at the default scale, with thousands of "
        "steps of the same small networks. The worlds are the same for all seeds. The out-painter "
        "is a reflection; claims on DAP's losses and masks are tested on its first stage alone."
    ),
    "paper": "The papers' settings on real data; guesses where a paper is silent: docs/papers.",
}


@dataclass(frozen=True)
class Numbers:
    """What the page says about the whole.

    Attributes:
        runs: Runs that are done.
        planned: Runs of the scale.
        cpu_hours: Spent on all finished steps.
        revisions: Commits that trainings ran under.
        words: How many claims came out how.
    """

    runs: int
    planned: int
    cpu_hours: float
    revisions: tuple[str, ...]
    words: Mapping[str, int]


def numbers(verdicts: Sequence[Verdict], runs: Runs, place: Place) -> Numbers:
    """Count what was done."""
    records = {s: place.record(s) for run in runs.values() for s in run.last.chain}
    known = [r for r in records.values() if r is not None]
    return Numbers(
        sum(place.record(run.last) is not None for run in runs.values()),
        len(runs),
        sum(r["cpu_seconds"] for r in known) / 3600,
        tuple(sorted({r["revision"][:8] for r in known if r["code"]})),
        {word: sum(v.word == word for v in verdicts) for word in WORDS},
    )


def percent(effect: float | None) -> str:
    """Return an effect as a change of the error in percent: -0.10 is -9.5 %."""
    return NONE if effect is None else f"{100 * math.expm1(effect):+.1f} %"


def interval(found: Effect | None) -> str:
    """Return the 95 % interval of an effect."""
    return NONE if found is None else f"{percent(found.low)} to {percent(found.high)}"


def p_value(p: float) -> str:
    """Return a p value with two digits that count."""
    return "< .001" if p < 0.001 else f"{p:.2g}".removeprefix("0")


def power_words(finding: Finding, claim: Claim) -> str:
    """Say what power these runs have, and how many seeds would do."""
    if finding.ours is None:
        return NONE
    what = "no difference" if claim.margin is not None else "the paper's effect"
    if finding.power is None:
        return "no published effect to be found"
    enough = (
        "more seeds alone do not do: more images"
        if finding.seeds_needed is None
        else f"80 % from {finding.seeds_needed} seeds"
    )
    return f"{finding.power:.0%} for {what} at p < {LEVEL}/15; {enough}"


def seeds_words(scale: Scale, verdict: Verdict) -> str:
    """Say how many of the planned seeds are there."""
    return f"{verdict.seeds} of {len(scale.seeds)}"


@dataclass(frozen=True)
class ArmRow:
    """An arm in the table of its paper.

    Attributes:
        arm: Its name.
        metric: Metric and protocol, as `absrel (da2_paper)`.
        seeds: Finished runs.
        errors: Test set -> mean of the metric over images and seeds, and its standard deviation
            over seeds (NaN for one).
        published: The paper's values by column of its table.
    """

    arm: str
    metric: str
    seeds: int
    errors: Mapping[str, tuple[float, float]]
    published: Mapping[str, float]


def arm_rows(claims: Sequence[Claim], runs: Runs, place: Place) -> list[ArmRow]:
    """Return a row for each arm and metric of some claims that has a finished run.

    Args:
        claims: Those of one paper.
        runs: By arm and seed.
        place: Where they lie.
    """
    rows: dict[tuple[str, str], ArmRow] = {}
    for claim in claims:
        metric = f"{claim.metric} ({claim.protocol})"
        for arm in claim.all_arms:
            done = [r for (a, _), r in runs.items() if a == arm and place.record(r.last)]
            before = rows.get((arm, metric))
            if not done:
                continue
            errors = dict(before.errors if before else {})
            for dataset in claim.test:
                means = [image_scores(place.scores(r), dataset, claim).mean() for r in done]
                spread = statistics.stdev(means) if len(means) > 1 else math.nan
                errors[dataset] = statistics.fmean(means), spread
            told = dict(before.published if before else {})
            columns = claim.published.columns.items()
            told |= {column: values[arm] for column, values in columns if arm in values}
            rows[arm, metric] = ArmRow(arm, metric, len(done), errors, told)
    return list(rows.values())


def run_rows(claim: Claim, runs: Runs, place: Place) -> list[dict[str, Any]]:
    """Return a row for each run of a claim: arm, seed, mean score by test set, state, CPU time."""
    rows = []
    for arm in claim.all_arms:
        for (name, seed), run in runs.items():
            if name == arm:
                rows.append({"arm": arm, "seed": seed, **_run(claim, run, place)})
    return rows


def _run(claim: Claim, run: Run, place: Place) -> dict[str, Any]:
    records = [place.record(step) for step in run.last.chain]
    done = all(r is not None for r in records)
    scores = {}
    if done:
        folder = place.scores(run)
        scores = {d: f"{image_scores(folder, d, claim).mean():.4f}" for d in claim.test}
    return {
        "done": done,
        "scores": scores,
        "steps": f"{sum(r is not None for r in records)}/{len(records)}",
        "cpu": f"{sum(r['cpu_seconds'] for r in records if r) / 60:.1f}",
        "folder": run.trained.folder,
    }
