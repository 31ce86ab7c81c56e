"""Works share a number of slots; a stage begins when those before it have ended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.rehearsal import processes
from benchmarks.rehearsal.plan import Waiting
from benchmarks.rehearsal.processes import Job
from benchmarks.rehearsal.schedule import JobSequence, drive
from experiments.pipeline.closure.stages import Command


def job(folder: Path, text: str, **environment: str) -> Job:
    """A command that prints what a statement prints."""
    words = ["-n", "1", "-r", "1", text]
    return Job("timeit", words, folder, folder / "logs" / "log", environment)


@pytest.mark.parametrize("slots", [1, 2])
def test_no_more_jobs_at_once_than_slots(
    slots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, ended = set(), [0], []
    start, wait = processes.start, processes.wait

    def starting(job: Job) -> int:
        running.add(child := start(job))
        most[0] = max(most[0], len(running))
        return child

    def waiting() -> tuple[int, processes.CommandResult]:
        child, outcome = wait()
        running.remove(child)
        return child, outcome

    monkeypatch.setattr(processes, "start", starting)
    monkeypatch.setattr(processes, "wait", waiting)

    def work(name: int) -> JobSequence:
        for _ in range(2):
            outcome = yield job(tmp_path / str(name), "pass")
            assert (outcome.code, outcome.memory_mb > 0) == (0, True)
        ended.append(name)

    for name in range(3):
        (tmp_path / str(name)).mkdir()
    works: Iterator[JobSequence] = map(work, range(3))
    drive(lambda: next(works, None), slots)
    assert sorted(ended) == [0, 1, 2]
    assert most == [slots]


def test_a_job_has_its_environment_and_its_failure_is_told(tmp_path: Path) -> None:
    outcomes = []

    def work() -> JobSequence:
        asked = "import os; os.write(1, f\"{os.environ['DVC_ROOT']} {os.getcwd()}\".encode())"
        outcomes.append((yield job(tmp_path, asked, DVC_ROOT="elsewhere")).code)
        outcomes.append((tmp_path / "logs/log").read_text().splitlines()[0])
        outcomes.append((yield job(tmp_path, "1 / 0")).code)

    works = iter([work()])
    drive(lambda: next(works, None), 2)
    assert outcomes == [0, f"elsewhere {tmp_path}", 1]


def test_a_stage_waits_for_those_it_reads_from() -> None:
    def stage(name: str, reads: str, writes: str) -> Command:
        return Command(name, "", "m", (), (), (reads,) if reads else (), (writes,))

    waiting = Waiting([stage("c", "data/b", "runs/c"), stage("a", "", "data/a"),
                       stage("b", "data/a", "data/b")])  # fmt: skip
    for expected in "abc":
        [found] = waiting.ready()
        assert found.name == expected
        assert waiting.ready() == []  # nothing more before it has ended
        waiting.done(found)
    assert waiting.ready() == []
