"""False alarms are as rare as promised, and a claim that turned is told."""

from pathlib import Path

import numpy as np
import pytest

from experiments.study.claims import ClaimsError, read_study
from experiments.study.direction import (
    CALIBRATED,
    FALSE_ALARMS,
    LEAST_SEEDS,
    SCALE,
    Calibration,
    effect_of,
    find_turned_claims,
    first_contrasts,
    read_calibration,
    select_runs,
    write_calibration,
)
from experiments.study.results import StudyStore
from tests.experiments.study.scored import planned, write_scores

STUDY = read_study()
NAMES = ("a", "b", "c", "d", "e")


def test_false_alarms_of_five_claims_together() -> None:
    rng = np.random.default_rng(0)
    rounds, false = 20_000, 0
    for drawn in rng.normal(0.0, 0.05, (rounds, 5, 9)):  # no effect at all: the worst case
        calibration = Calibration(NAMES, 9, dict(zip(NAMES, drawn[:, :8].tolist(), strict=True)))
        false += bool(
            find_turned_claims(calibration, dict(zip(NAMES, drawn[:, 8].tolist(), strict=True)))
        )
    assert FALSE_ALARMS <= 0.01
    assert false / rounds <= FALSE_ALARMS + 3 * (FALSE_ALARMS / rounds) ** 0.5
    assert false / rounds > FALSE_ALARMS / 4  # the limit is not out of reach


def test_a_claim_that_turned_is_told_and_one_that_holds_is_not() -> None:
    effects = {name: [-0.2, -0.22, -0.18, -0.21, -0.19] for name in NAMES}
    calibration = Calibration(NAMES, 9, effects)
    assert calibration.limit("a") == 0.0  # the interval ends below zero
    assert calibration.detection("a") > 0.99
    now = {**dict.fromkeys(NAMES, -0.01), "c": 0.2}
    assert list(find_turned_claims(calibration, now)) == ["c"]
    assert "+0.200" in find_turned_claims(calibration, now)["c"]


def test_what_was_not_calibrated_is_refused() -> None:
    with pytest.raises(ClaimsError, match=r"a: calibrated with 3 seeds.*calibrate"):
        Calibration(NAMES, 9, {"a": [-1.0] * (LEAST_SEEDS - 1)}).limit("a")


def test_the_file_names_five_claims_and_a_seed_of_its_own() -> None:
    found = read_calibration()
    assert len(found.claims) == 5
    assert set(found.claims) <= set(STUDY.claims)
    assert found.seed not in STUDY.scale(SCALE).seeds


def test_effects_are_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "direction.yaml"
    path.write_text(CALIBRATED.read_text())
    effects = {"faces": [-0.1, -0.25], "rotation": [0.5, 0.0]}
    write_calibration(effects, path)
    assert read_calibration(path).effects == effects
    assert read_calibration(path).claims == read_calibration().claims


def test_effect_of_one_seed(tmp_path: Path) -> None:
    store, runs = StudyStore(tmp_path), planned(STUDY, SCALE)
    contrasts = first_contrasts(STUDY, ["da2_normal"])
    few = select_runs([r for (_, seed), r in runs.items() if seed == 1], contrasts)
    assert {r.arm.name for r in few} == {"da2", "da2_no_normal"}
    found = {(r.arm.name, r.seed): r for r in few}
    write_scores(STUDY, store, found, {"da2_no_normal": 0.3}, spread=1e-6)
    claim = STUDY.claims["da2_normal"]
    value = effect_of(claim, contrasts["da2_normal"], 1, found, store)
    assert value == pytest.approx(-0.3, abs=1e-4)
