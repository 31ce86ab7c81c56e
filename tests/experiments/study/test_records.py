"""A study outlives its machine: recorded runs count elsewhere, and only where they should."""

import json
from pathlib import Path

import pandas as pd
import pytest

from experiments.study import queue as queues
from experiments.study.claims import Scale, Study, read_study
from experiments.study.page.content import numbers
from experiments.study.page.pictures import largest_difference
from experiments.study.plan import StudyRun, runs
from experiments.study.queue import Queue, mark_undone, outdated
from experiments.study.records import read_records, record_runs, restore_runs
from experiments.study.results import StudyStore, finished
from experiments.study.verdict import judge
from tests.experiments.study.scored import planned, published_effects, write_scores

STUDY = read_study()
RUNS = planned(STUDY)


def by_name(found: list[StudyRun]) -> dict[tuple[str, int], StudyRun]:
    return {(r.arm.name, r.seed): r for r in found}


def test_verdicts_are_the_same_on_another_machine(tmp_path: Path) -> None:
    here, there = StudyStore(tmp_path / "here"), StudyStore(tmp_path / "there")
    some = {k: r for k, r in RUNS.items() if k[0].startswith(("da2", "unifuse"))}
    write_scores(STUDY, here, some, published_effects(STUDY))
    assert record_runs(STUDY, "default", RUNS, here, tmp_path) == len(some)
    assert restore_runs("default", list(RUNS.values()), there, tmp_path) == (len(some), 0)
    ours, theirs = judge(STUDY, RUNS, here), judge(STUDY, RUNS, there)
    assert [v.word for v in ours] == [v.word for v in theirs]
    assert [v.p_for for v in theirs] == pytest.approx([v.p_for for v in ours], rel=1e-4, abs=1e-12)
    assert numbers(theirs, RUNS, there) == numbers(ours, RUNS, here)
    again = (tmp_path / "default.jsonl").read_bytes()
    record_runs(STUDY, "default", RUNS, there, tmp_path)
    assert (tmp_path / "default.jsonl").read_bytes() == again
    assert restore_runs("default", list(RUNS.values()), there, tmp_path) == (0, 0)


def test_a_recorded_run_has_no_pictures(tmp_path: Path) -> None:
    here, there = StudyStore(tmp_path / "here"), StudyStore(tmp_path / "there")
    write_scores(STUDY, here, RUNS, published_effects(STUDY))
    record_runs(STUDY, "default", RUNS, here, tmp_path)
    restore_runs("default", list(RUNS.values()), there, tmp_path)
    pair = largest_difference(STUDY.claims["faces"], RUNS, there)
    assert pair is not None
    assert pair.caption.startswith("stanford2d3d ")
    assert pair.arms == {}


def test_runs_of_other_settings_do_not_count_and_stay_in_the_file(tmp_path: Path) -> None:
    here, there = StudyStore(tmp_path / "here"), StudyStore(tmp_path / "there")
    some = {k: RUNS[k] for k in (("unifuse", 1), ("unifuse_stitched", 1))}
    write_scores(STUDY, here, some, {})
    record_runs(STUDY, "default", RUNS, here, tmp_path)
    path = tmp_path / "default.jsonl"
    path.write_text(path.read_text().replace(RUNS["unifuse", 1].last.folder, "evaluate-older"))
    assert restore_runs("default", list(RUNS.values()), there, tmp_path) == (1, 1)
    assert set(finished(RUNS, there)) == {("unifuse_stitched", 1)}
    assert record_runs(STUDY, "default", RUNS, there, tmp_path) == 1
    assert [line["last"] for line in read_records("default", tmp_path)][1] == "evaluate-older"


class TestQueue:
    """Of real commands over a small pipeline, see conftest.py."""

    @pytest.fixture
    def recorded(self, study: Study, clone: Path, tmp_path: Path) -> list[StudyRun]:
        """One finished run (`usual`, seed 1) in the file, and nothing in the folder `there`."""
        scale = Scale("default", "params.yaml", (1,), {"net": {"steps": 3}})
        every = list(runs(study, scale, list(study.arms.values()), clone))
        here = StudyStore(tmp_path / "here", clone)
        Queue(study, scale, every[:1], here).work()
        path = here.scores(every[0]) / "per_image.parquet"
        _scored(path)
        record_runs(study, "default", by_name(every), here, tmp_path)
        return every

    def test_what_is_recorded_is_not_run_again(
        self, study: Study, clone: Path, tmp_path: Path, recorded: list[StudyRun]
    ) -> None:
        there = StudyStore(tmp_path / "there", clone)
        assert restore_runs("default", recorded, there, tmp_path) == (1, 0)
        queue = Queue(study, study.scales["default"], recorded, there)
        queue.work()
        assert not queue.failed
        assert len(finished(by_name(recorded), there)) == 3
        assert there.made(recorded[1].trained)
        assert not there.made(recorded[0].trained)
        assert not (there.folder(recorded[0].trained) / "runs").exists()

    def test_a_run_is_made_again_if_weights_of_other_code_are_needed(
        self,
        study: Study,
        clone: Path,
        tmp_path: Path,
        recorded: list[StudyRun],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        there = StudyStore(tmp_path / "there", clone)
        restore_runs("default", recorded, there, tmp_path)
        usual = recorded[0]
        (there.folder(usual.last) / "done.json").unlink()  # its score is wanted once more
        assert outdated(study, recorded[:1], there) == []
        monkeypatch.setattr(queues, "training_digest", lambda module: "tomorrow")
        found = outdated(study, recorded[:1], there)
        assert [s.folder for s in found] == [usual.trained.folder]
        mark_undone(found, recorded, there)
        assert there.record(usual.trained) is None

    def test_a_record_is_one_line_for_each_run(
        self, tmp_path: Path, recorded: list[StudyRun]
    ) -> None:
        [line] = (tmp_path / "default.jsonl").read_text().splitlines()
        told = json.loads(line)
        assert (told["arm"], told["seed"]) == ("usual", 1)
        assert told["scores"] == {"set": {"da2_paper": {"absrel": {"set/0": 0.25}}}}
        assert told["steps"][recorded[0].trained.folder]["code"] == "today"


def _scored(path: Path) -> None:
    row = {"dataset": "set", "protocol": "da2_paper", "key": "set/0", "absrel": 0.25}
    pd.DataFrame([row]).to_parquet(path)
