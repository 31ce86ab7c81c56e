"""From scores with known effects to the right words."""

from pathlib import Path

import pytest

from experiments.study.claims import read_study
from experiments.study.results import StudyStore, measure
from experiments.study.verdict import (
    CONFIRMED,
    CONTRADICTED,
    NOT_RUN,
    UNDECIDED,
    ClaimVerdict,
    decide,
    judge,
)
from tests.experiments.study.scored import default_runs, published_effects, write_scores

STUDY = read_study()
RUNS = default_runs()


def verdicts(store: StudyStore) -> dict[str, ClaimVerdict]:
    return {v.claim.name: v for v in judge(STUDY, RUNS, store)}


def test_nothing_was_run(tmp_path: Path) -> None:
    found = verdicts(StudyStore(tmp_path))
    assert len(found) == 15
    assert {v.word for v in found.values()} == {NOT_RUN}
    assert {v.seeds for v in found.values()} == {0}


def test_effects_as_published_are_confirmed(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    write_scores(STUDY, store, RUNS, published_effects(STUDY))
    found = verdicts(store)
    assert {name: v.word for name, v in found.items()} == dict.fromkeys(STUDY.claims, CONFIRMED)
    [painted] = [f for f in found["da2_outpainting"].findings if f.decides]
    assert painted.ours is not None
    assert painted.ours.low < -published_effects(STUDY)["da2_black"] < painted.ours.high
    assert painted.power is not None
    assert painted.power > 0.9
    assert all(v.holm_for >= v.p_for for v in found.values())


def test_the_contrary_of_everything_is_contradicted(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    effects = {arm: -value for arm, value in published_effects(STUDY).items()}
    effects |= {"unifuse_1_to_2": 0.2, "unifuse_tangent": -0.2}
    write_scores(STUDY, store, RUNS, effects)
    found = verdicts(store)
    assert {name: v.word for name, v in found.items()} == dict.fromkeys(STUDY.claims, CONTRADICTED)


def test_one_contrast_that_fails_leaves_a_claim_undecided(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    effects = {**published_effects(STUDY), "bifuse_plus_labelled": 0.0, "hohonet_labelled": -1.0}
    write_scores(STUDY, store, RUNS, effects)
    found = verdicts(store)
    assert found["pseudo_labels"].word == UNDECIDED  # UniFuse alone does not do
    assert found["faces"].word == CONFIRMED


def test_no_effect_is_undecided(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    write_scores(STUDY, store, RUNS, {}, spread=0.05)
    words = {name: v.word for name, v in verdicts(store).items()}
    assert words["da2_sphere"] == words["dap_sharpness"] == UNDECIDED
    assert CONTRADICTED not in words.values()


def test_one_seed_is_a_number_without_a_verdict(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    one = {key: run for key, run in RUNS.items() if key[1] == 1}
    write_scores(STUDY, store, one, {"da2_no_normal": 0.5}, spread=0.001)
    found = verdicts(store)["da2_normal"]
    assert found.word == NOT_RUN
    assert found.findings[0].ours is None
    assert found.findings[0].single == pytest.approx(-0.5, abs=0.01)


def test_arms_of_different_code_are_not_compared(tmp_path: Path) -> None:
    store = StudyStore(tmp_path)
    write_scores(STUDY, store, RUNS, {})
    other = {("da2_no_sphere", 2): RUNS["da2_no_sphere", 2]}
    write_scores(STUDY, store, other, {}, code="b")
    claim = STUDY.claims["da2_sphere"]
    measured = measure(claim, claim.arms, RUNS, store)
    assert measured.seeds == (1, 3, 4, 5)
    assert measured.left_out == {2: "arms trained by different code"}


def test_claims_that_were_not_run_make_the_others_harder() -> None:
    base = ClaimVerdict(STUDY.claims["faces"], (), UNDECIDED, 0.004, 1.0)
    alone = decide([base])[0].holm_for
    among = decide([base, *(14 * [ClaimVerdict(base.claim, (), NOT_RUN, 1.0, 1.0)])])[0].holm_for
    assert (alone, among) == (pytest.approx(0.004), pytest.approx(0.06))
