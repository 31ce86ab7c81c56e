"""From scores to a verdict on each claim."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from experiments.study.claims import Claim, Study
from experiments.study.results import ContrastScores, StudyRuns, StudyStore, finished, measure
from experiments.study.statistics import (
    Effect,
    contrast_of,
    effect,
    holm,
    power,
    power_within,
    seeds_needed,
    seeds_needed_within,
)

LEVEL = 0.05
CONFIRMED, CONTRADICTED, UNDECIDED, NOT_RUN = "confirmed", "contradicted", "undecided", "not run"
LEAST_SEEDS = 2


@dataclass(frozen=True)
class ContrastFinding:
    """One contrast of a claim, ours and the paper's.

    Attributes:
        name: Of the contrast.
        arms: Its arms.
        ours: What was measured; None with fewer than two seeds of all arms.
        published: The paper's value; None without numbers.
        decides: Whether the verdict depends on it.
        power: Chance that these seeds and images find the paper's effect (or no difference).
        seeds_needed: Seeds for a power of 80 %; None if seeds alone do not do.
        single: The effect of a single seed, where there is no more: a number without an interval.
        left_out: Seeds that do not count, with the reason.
    """

    name: str
    arms: tuple[str, ...]
    ours: Effect | None
    published: float | None
    decides: bool
    power: float | None = None
    seeds_needed: int | None = None
    single: float | None = None
    left_out: Mapping[int, str] | None = None


@dataclass(frozen=True)
class ClaimVerdict:
    """What the study says of a claim.

    Attributes:
        claim: The claim.
        findings: Its contrasts, those that decide first.
        word: confirmed, contradicted, undecided or not run.
        p_for: p of the claim before Holm: the largest of its contrasts.
        p_against: p of its contrary before Holm: the smallest of its contrasts, times their number.
        holm_for: p of the claim among all claims of the file.
        holm_against: p of its contrary, likewise.
    """

    claim: Claim
    findings: tuple[ContrastFinding, ...]
    word: str
    p_for: float
    p_against: float
    holm_for: float = 1.0
    holm_against: float = 1.0

    @property
    def seeds(self) -> int:
        """Number of seeds behind the contrast that has the fewest."""
        return min((f.ours.seeds if f.ours else 0) for f in self.findings if f.decides)


def judge(study: Study, runs: StudyRuns, store: StudyStore) -> list[ClaimVerdict]:
    """Judge all claims; one that was not run counts in Holm's rule as p = 1."""
    done = finished(runs, store)
    found = [_before_holm(claim, done, store, len(study.claims)) for claim in study.claims.values()]
    return decide(found)


def decide(found: Sequence[ClaimVerdict]) -> list[ClaimVerdict]:
    """Apply Holm's rule over all claims, for and against, and give the words."""
    support, against = holm([v.p_for for v in found]), holm([v.p_against for v in found])
    return [
        replace(v, holm_for=p, holm_against=q, word=_word(v, p, q))
        for v, p, q in zip(found, support, against, strict=True)
    ]


def _word(verdict: ClaimVerdict, p_for: float, p_against: float) -> str:
    if any(f.ours is None for f in verdict.findings if f.decides):
        return NOT_RUN
    if p_for < LEVEL:
        return CONFIRMED
    return CONTRADICTED if p_against < LEVEL else UNDECIDED


def _before_holm(claim: Claim, done: StudyRuns, store: StudyStore, claims: int) -> ClaimVerdict:
    findings = tuple(
        _finding(claim, name, contrast, done, store, claims, decides)
        for decides, group in ((True, claim.contrasts), (False, claim.context))
        for name, contrast in group.items()
    )
    effects = [f.ours for f in findings if f.decides]
    if any(found is None for found in effects):
        return ClaimVerdict(claim, findings, NOT_RUN, 1.0, 1.0)
    known = [found for found in effects if found is not None]
    support = max(_p_for(found, claim.margin) for found in known)
    against = min(1.0, len(known) * min(_p_against(found, claim.margin) for found in known))
    return ClaimVerdict(claim, findings, UNDECIDED, support, against)


def _p_for(found: Effect, margin: float | None) -> float:
    return found.p_below() if margin is None else found.p_within(margin)


def _p_against(found: Effect, margin: float | None) -> float:
    return found.p_above() if margin is None else found.p_beyond(margin)


def _finding(
    claim: Claim,
    name: str,
    contrast: Mapping[str, float],
    done: StudyRuns,
    store: StudyStore,
    claims: int,
    decides: bool,
) -> ContrastFinding:
    arms = tuple(arm for arm, weight in contrast.items() if weight)
    published = claim.published.effect(contrast)
    measured = measure(claim, arms, done, store)
    if len(measured.seeds) < LEAST_SEEDS:
        single = _single(measured, contrast)
        return ContrastFinding(
            name, arms, None, published, decides, single=single, left_out=measured.left_out
        )
    ours = effect(list(measured.sets.values()), contrast)
    level = LEVEL / claims  # the first step of Holm's rule: what the smallest p has to meet
    chance = needed = None
    if claim.margin is not None:
        chance = power_within(ours, claim.margin, level)
        needed = seeds_needed_within(ours, claim.margin, level)
    elif published is not None and published < 0:
        chance, needed = power(ours, published, level), seeds_needed(ours, published, level)
    return ContrastFinding(
        name, arms, ours, published, decides, chance, needed, left_out=measured.left_out
    )


def _single(measured: ContrastScores, contrast: Mapping[str, float]) -> float | None:
    """Return the effect of one seed; None without any."""
    if not measured.seeds:
        return None
    means = [{a: float(m[0].mean()) for a, m in s.values.items()} for s in measured.sets.values()]
    return contrast_of(means, contrast)
