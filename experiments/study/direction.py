"""Do five claims still point where they did? An alarm with a known rate of false ones.

Calibration trains the arms of five claims with several seeds and keeps the effect of each. A check
trains them with one other seed. It raises an alarm for a claim if its effect is above zero and
above what another seed of the same code would give: the upper end of a prediction interval
(Student's t), at a level that all claims share, so that false alarms are as rare as `FALSE_ALARMS`
for all together. Before a calibration there is nothing to compare with, and a check is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from scipy import stats

from experiments.study.claims import FILE, Claim, ClaimsError, Study
from experiments.study.plan import StudyRun
from experiments.study.results import StudyRuns, StudyStore, image_scores
from experiments.study.statistics import contrast_of
from pano_data import write_text

CALIBRATED = FILE.with_name("direction.yaml")
FALSE_ALARMS = 0.01
LEAST_SEEDS = 4
SCALE = "direction"


@cache
def _quantile(level: float, freedom: int) -> float:
    """Return Student's t that is exceeded with a chance of `level`."""
    return float(stats.t.isf(level, freedom))


@dataclass(frozen=True)
class Calibration:
    """What a check is compared with.

    Attributes:
        claims: Names of the claims.
        seed: Seed of a check; none of the calibration.
        effects: Claim -> effects, one per seed of the calibration.
    """

    claims: tuple[str, ...]
    seed: int
    effects: Mapping[str, Sequence[float]]

    def limit(self, claim: str) -> float:
        """Return the effect from which on a claim has turned.

        Raises:
            ClaimsError: It was not calibrated.
        """
        found = np.asarray(self.effects.get(claim, ()))
        if len(found) < LEAST_SEEDS:
            raise ClaimsError(
                f"{claim}: calibrated with {len(found)} seeds, expected {LEAST_SEEDS} or more; "
                "run `python -m experiments.study calibrate` first"
            )
        level = FALSE_ALARMS / len(self.claims)
        spread = float(found.std(ddof=1)) * (1 + 1 / len(found)) ** 0.5
        return max(0.0, float(found.mean() + _quantile(level, len(found) - 1) * spread))

    def detection(self, claim: str) -> float:
        """Return the chance of an alarm if the effect of a claim were as large the other way."""
        found = np.asarray(self.effects[claim])
        spread = max(float(found.std(ddof=1)), 1e-9)
        return float(stats.norm.sf((self.limit(claim) + found.mean()) / spread))


def read_calibration(path: Path = CALIBRATED) -> Calibration:
    """Read the calibration."""
    written = yaml.safe_load(path.read_text())
    return Calibration(tuple(written["claims"]), written["seed"], written["effects"] or {})


def write_calibration(effects: Mapping[str, Sequence[float]], path: Path = CALIBRATED) -> None:
    """Write effects into the file of the calibration; its head stays."""
    head = path.read_text().partition("effects:")[0]
    rounded = {name: [round(v, 5) for v in values] for name, values in effects.items()}
    write_text(path, head + yaml.safe_dump({"effects": rounded}, default_flow_style=None))


def first_contrasts(study: Study, names: Sequence[str]) -> dict[str, Mapping[str, float]]:
    """Return the first contrast of each claim: what a check looks at."""
    return {claim.name: next(iter(claim.contrasts.values())) for claim in study.chosen(names)}


def effect_of(
    claim: Claim, contrast: Mapping[str, float], seed: int, runs: StudyRuns, store: StudyStore
) -> float:
    """Return the effect of one seed, as `statistics.effect` has it."""
    means = [
        {
            arm: float(image_scores(store.scores(runs[arm, seed]), dataset, claim).mean())
            for arm, weight in contrast.items()
            if weight
        }
        for dataset in claim.test
    ]
    return contrast_of(means, contrast)


def find_turned_claims(calibration: Calibration, effects: Mapping[str, float]) -> dict[str, str]:
    """Return the claims that have turned, each with a sentence."""
    found = {}
    for name in calibration.claims:
        limit = calibration.limit(name)
        if effects[name] > limit:
            usual = float(np.mean(calibration.effects[name]))
            found[name] = (
                f"effect {effects[name]:+.3f}, calibrated {usual:+.3f}, limit {limit:+.3f}"
            )
    return found


def select_runs(
    runs: Sequence[StudyRun], contrasts: Mapping[str, Mapping[str, float]]
) -> list[StudyRun]:
    """Return the runs of the arms of some contrasts."""
    arms = {arm for contrast in contrasts.values() for arm, weight in contrast.items() if weight}
    return [run for run in runs if run.arm.name in arms]
