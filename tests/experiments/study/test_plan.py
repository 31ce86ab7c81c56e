"""Arms share what they have in common; what an arm changes is made anew."""

from pathlib import Path

import pytest

from experiments.pipeline import params
from experiments.study.claims import Arm, ClaimsError, Study
from experiments.study.plan import StudyRun, overlaps, plan, runs

ROOT = Path(__file__).parents[3]


def run(study: Study, clone: Path, arm: str, seed: int = 1) -> StudyRun:
    return plan(study, study.scale("default"), study.arms[arm], seed, clone)


def names(found: StudyRun) -> list[str]:
    return [step.name for step in found.last.chain]


def test_stages_without_a_change_are_the_pipelines(study: Study, clone: Path) -> None:
    usual = run(study, clone, "usual")
    assert names(usual) == ["train", "evaluate@net"]
    assert usual.trained.linked == ("data/curated/set",)
    assert usual.last.linked == ("data/manifests/set",)
    assert usual.trained.trains == "net"


def test_what_an_arm_changes_is_made_with_all_that_follows(study: Study, clone: Path) -> None:
    black = run(study, clone, "black")
    assert names(black) == ["curate", "train", "evaluate@net"]
    assert black.trained.before == (black.last.chain[0],)
    assert params.resolved(black.trained.values, "curate") == {"paint": None}


def test_seeds_share_what_no_seed_changes(study: Study, clone: Path) -> None:
    one, two = run(study, clone, "black", 1), run(study, clone, "black", 2)
    assert one.last.chain[0] == two.last.chain[0]
    assert one.trained != two.trained
    assert one.trained.values["common"]["seed_everything"] == 1


def test_a_key_is_of_what_the_stage_reads_alone(study: Study, clone: Path) -> None:
    before = run(study, clone, "usual")
    path = clone / "params.yaml"
    path.write_text(path.read_text() + "unread: {x: 1}\n")
    assert run(study, clone, "usual").last == before.last
    path.write_text(path.read_text().replace("flat: 2", "flat: 3"))
    assert run(study, clone, "usual").trained != before.trained


def test_arms_that_change_nothing_else_are_one_training(study: Study, clone: Path) -> None:
    same = Arm("same", "train", "net", {"net": {"loss": {"sharp": 1}}})
    twin = Study(study.claims, {**study.arms, "same": same}, study.scales, study.seed_places)
    assert run(twin, clone, "same").trained == run(study, clone, "usual").trained


def test_first_seeds_come_first(study: Study, clone: Path) -> None:
    arms = study.arms_of(study.claims.values(), "default")
    planned = list(runs(study, study.scale("default"), arms, clone))
    assert [r.seed for r in planned] == [1, 1, 1, 2, 2, 2]
    assert [r.arm.name for r in planned[:3]] == ["usual", "black", "blunt"]


def test_a_target_that_is_no_stage_is_named(study: Study, clone: Path) -> None:
    arm = Arm("lost", "trian", "net")
    with pytest.raises(ClaimsError, match=r"lost.*'trian'"):
        plan(study, study.scale("default"), arm, 1, clone)


def test_paths_overlap_as_folders_do() -> None:
    assert overlaps("data/curated", "data/curated/x")
    assert overlaps("data/curated/x", "data/curated")
    assert not overlaps("data/curated/xy", "data/curated/x")
