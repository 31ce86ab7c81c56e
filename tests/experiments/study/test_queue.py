"""Steps run in folders of their own, once, resume after a kill, and leave the pipeline alone."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.study import queue as queues
from experiments.study.claims import Scale, Study
from experiments.study.plan import StudyRun, runs
from experiments.study.queue import Queue, mark_undone, outdated, progress, shard, tags_by_step
from experiments.study.results import MissingDataError, StudyStore
from tests.experiments import other_process

WAIT_S = 300  # far beyond what a busy machine needs


def planned(study: Study, clone: Path) -> list[StudyRun]:
    arms = study.arms_of(study.claims.values(), "default")
    return list(runs(study, study.scale("default"), arms, clone))


def queue(study: Study, clone: Path, tmp_path: Path, **options: Any) -> Queue:
    scale = study.scale("default")
    store = StudyStore(tmp_path / "study", clone)
    return Queue(study, scale, planned(study, clone), store, **options)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def model(work: Queue, arm: str, seed: int) -> dict[str, Any]:
    [run] = [r for r in work.runs if (r.arm.name, r.seed) == (arm, seed)]
    return json.loads((work.store.scores(run) / "scores.json").read_text())


def test_all_runs_are_done_once(study: Study, clone: Path, tmp_path: Path) -> None:
    before = sorted(p for p in clone.rglob("*") if "__pycache__" not in p.parts)
    work = queue(study, clone, tmp_path, jobs=2)
    work.work()
    assert not work.failed
    assert model(work, "usual", 1) | {"argv": 0} == {
        "paint": "pipeline", "seed": 1, "steps": [1, 2, 3], "argv": 0,
    }  # fmt: skip
    assert model(work, "black", 2)["paint"] is None
    assert sorted(p for p in clone.rglob("*") if "__pycache__" not in p.parts) == before
    # usual, black, blunt with two seeds: 6 trainings, 6 scorings, one curation for both seeds
    assert len(list((tmp_path / "study/steps").iterdir())) == 13
    times = {p: p.stat().st_mtime_ns for p in (tmp_path / "study").rglob("done.json")}
    assert not any(p.is_symlink() for p in (tmp_path / "study").rglob("*"))
    queue(study, clone, tmp_path).work()
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "study").rglob("done.json")} == times
    states = [state for _, state in progress(work.runs, work.store)]
    assert all(state["done"] == state["steps"] for state in states)


def test_trainings_are_told_their_claims_and_arms(
    study: Study, clone: Path, tmp_path: Path
) -> None:
    work = queue(study, clone, tmp_path)
    work.work()
    argv = model(work, "usual", 2)["argv"]
    tags = json.loads(argv[argv.index("--tags") + 1])
    assert (tags["claim"], tags["arm"], tags["seed"]) == ("paint, sharp", "usual", "2")
    curated = next(s for s in work.steps if s.name == "curate")
    assert tags_by_step(study, work.runs)[curated]["arm"] == "before black"


def test_a_killed_training_resumes_in_place(study: Study, clone: Path, tmp_path: Path) -> None:
    path = clone / "params.yaml"
    path.write_text(path.read_text().replace("die_at: 0", "die_at: 2"))
    work = queue(study, clone, tmp_path)
    folder = work.store.folder(work.runs[0].trained)
    thread = threading.Thread(target=work.work)
    thread.start()
    wait_for(lambda: (folder / "died").is_file())
    work.stopped.set()  # what SIGTERM and the end of --minutes do
    thread.join(WAIT_S)
    assert json.loads((folder / ".runs/net/step").read_text()) == [1, 2]
    assert work.store.record(work.runs[0].trained) is None
    assert not work.failed
    again = queue(study, clone, tmp_path)
    again = Queue(study, again.scale, again.runs[:1], again.store)
    again.work()
    assert model(again, "usual", 1)["steps"] == [1, 2, 3]  # went on from 2: no step twice


def test_no_time_left_starts_nothing(study: Study, clone: Path, tmp_path: Path) -> None:
    work = queue(study, clone, tmp_path, until=time.monotonic() - 1)
    work.work()
    assert not (tmp_path / "study").exists()


def test_a_failure_stops_what_follows_and_nothing_else(
    study: Study, clone: Path, tmp_path: Path
) -> None:
    (clone / "data/manifests/set/rows.json").write_text("not JSON")  # what `curate` reads
    work = queue(study, clone, tmp_path)
    work.work()
    [(folder, reason)] = work.failed.items()
    assert folder.startswith("curate-")
    assert "JSONDecodeError" in reason
    assert model(work, "blunt", 2)["seed"] == 2
    assert not any(work.store.record(r.last) for r in work.runs if r.arm.name == "black")


def test_what_another_process_works_on_is_left_to_it(
    study: Study, clone: Path, tmp_path: Path
) -> None:
    work = queue(study, clone, tmp_path)
    theirs = work.store.folder(work.runs[0].trained)
    theirs.mkdir(parents=True)
    with other_process.holding(theirs):
        thread = threading.Thread(target=work.work)
        thread.start()
        others = [s for s in work.steps if work.runs[0].trained not in s.chain]
        wait_for(lambda: all(work.store.record(step) is not None for step in others))
        assert thread.is_alive()  # it waits for what the other one makes
        work.stopped.set()
        thread.join(WAIT_S)
    assert work.store.record(work.runs[0].trained) is None
    assert work.store.record(work.runs[2].last) is not None


def test_missing_data_is_told_before_any_work(study: Study, clone: Path, tmp_path: Path) -> None:
    (clone / "data/curated/set/index.json").unlink()
    (clone / "data/curated/set").rmdir()
    with pytest.raises(MissingDataError, match=r"data/curated/set.*dvc repro"):
        queue(study, clone, tmp_path).work()


def test_shards_part_the_runs(study: Study, clone: Path) -> None:
    every = planned(study, clone)
    parts = [shard(every, rank, 4) for rank in range(4)]
    assert sorted(r.name for part in parts for r in part) == sorted(r.name for r in every)
    with pytest.raises(ValueError, match="got shard 4/4"):
        shard(every, 4, 4)


def test_trainings_of_older_code_are_made_again(
    study: Study, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = queue(study, clone, tmp_path)
    Queue(study, work.scale, work.runs[:2], work.store).work()  # usual and black of seed 1
    assert outdated(study, work.runs, work.store) == []
    monkeypatch.setattr(queues, "training_digest", lambda module: "tomorrow")
    # `blunt` of seed 1 is still to come and is compared with `usual`, and that with `black`.
    old = outdated(study, work.runs, work.store)
    assert {s.folder for s in old} == {work.runs[0].trained.folder}
    gone = mark_undone(old, work.runs, work.store)
    assert {s.name for s in gone} == {"train", "evaluate@net"}
    assert {s.folder for s in outdated(study, work.runs, work.store)} == {
        work.runs[1].trained.folder
    }


def test_a_complete_group_of_one_code_stays(
    study: Study, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = Scale("default", "params.yaml", (1,), {"net": {"steps": 3}})
    one = Study(study.claims, study.arms, {"default": only}, study.seed_places)
    work = queue(one, clone, tmp_path)
    work.work()
    monkeypatch.setattr(queues, "training_digest", lambda module: "tomorrow")
    assert outdated(one, work.runs, work.store) == []
