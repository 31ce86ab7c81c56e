"""The plan, the journal and the words of `make repro` on plans without DVC."""

import json

import pytest

from experiments.pipeline.repro import __main__ as commands
from experiments.pipeline.repro import journal
from experiments.pipeline.repro.journal import Event, Progress, append, describe_s, read_progress
from experiments.pipeline.repro.plan import (
    ReproPlan,
    StageLine,
    parse_lines,
    read_plan,
    read_seconds,
)

LINES = (
    StageLine(1, "a", ("worlds@x", "worlds@y")),
    StageLine(1, "b", ("worlds@z",)),
    StageLine(2, "da2", ("train_da2",)),
    StageLine(2, "da", ("train_student",)),
    StageLine(2, "dap", ("train_dap",)),
    StageLine(9, "rest", ("report",)),
)
SECONDS = {
    "worlds@x": 100.0,
    "worlds@y": 50.0,
    "worlds@z": 120.0,
    "train_da2": 600.0,
    "train_student": 200.0,
    "train_dap": 700.0,
    "report": 10.0,
}
ALL = frozenset(SECONDS)


def plan(pending=ALL, seconds=SECONDS, cores=2):
    return ReproPlan(LINES, frozenset(pending), seconds, cores, started=1000.0)


def after(made, *events, now):
    return Progress(made, {event.stage: event for event in events}, now)


def test_a_phase_takes_its_longest_line_or_its_work_by_the_cores():
    assert after(plan(), now=1000.0).time_left_s() == 150 + 750 + 10
    assert after(plan(cores=3), now=1000.0).time_left_s() == 150 + 700 + 10
    assert after(plan(cores=1), now=1000.0).time_left_s() == 270 + 1500 + 10


def test_only_pending_stages_take_time():
    made = plan(pending={"train_dap", "report"})
    assert after(made, now=1000.0).time_left_s() == 710
    unchanged = Event("report", "unchanged", 1000.0)
    assert after(made, unchanged, now=1000.0).time_left_s() == 700


def test_a_machine_half_as_fast_has_twice_the_time_left():
    ended = [Event(name, "ended", 1300.0, 1.0) for name in ("worlds@x", "worlds@y", "worlds@z")]
    progress = after(plan(), *ended, now=1300.0)  # 150 s expected, 300 passed
    assert progress.time_left_s() == 2 * (750 + 10)


def test_a_stage_that_runs_has_used_its_part_of_the_cores():
    begun = [Event(name, "started", 1000.0) for name in ("train_da2", "train_student", "train_dap")]
    made = plan(pending={"train_da2", "train_student", "train_dap"})
    progress = after(made, *begun, now=1150.0)  # 100 s of each: a third of two cores
    assert progress.time_left_s() == pytest.approx(600.0)


def test_a_stage_longer_than_expected_has_nothing_left_but_no_debt():
    made = plan(pending={"report"})
    assert after(made, Event("report", "started", 1000.0), now=5000.0).time_left_s() == 0


def test_a_stage_never_timed_is_as_its_like_or_is_told():
    made = plan(pending={"worlds@x", "worlds@new", "own_stage"})
    assert made.expected("worlds@new") == 90
    assert made.expected("own_stage") == 0
    assert commands.describe_plan(made) == (
        "3 stages to run at most, at least 2 min on 2 cores with nothing beside.\n"
    )
    progress = after(made, now=1000.0)
    assert (
        journal.describe_start(progress, "worlds@x")
        == "stage 1 of 3, at least 2 min left: worlds@x"
    )


def test_no_time_is_told_where_none_is_known():
    made = plan(pending={"own_stage"})
    assert commands.describe_plan(made) == "1 stage to run at most; none was ever timed.\n"
    assert journal.describe_start(after(made, now=1.0), "own_stage") == "stage 1 of 1: own_stage"


def test_plan_and_journal_come_back_and_a_cut_line_is_left_out(tmp_path):
    plan().write(tmp_path)
    assert read_plan(tmp_path) == plan()
    append(Event("worlds@x", "started", 1001.0), tmp_path)
    append(Event("worlds@x", "ended", 1090.0, 80.0), tmp_path)
    append(Event("worlds@x", "unchanged", 1900.0), tmp_path)  # the last `dvc repro`
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"stage": "worlds@y", "wh')
    progress = read_progress(tmp_path)
    assert progress.last == {"worlds@x": Event("worlds@x", "ended", 1090.0, 80.0)}
    assert journal.describe_start(progress, "worlds@y").startswith("stage 2 of 7, about ")


def test_lines_without_stages_are_left_out():
    assert parse_lines(["1 data a b\n", "2 da2\n"]) == (StageLine(1, "data", ("a", "b")),)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (3000, "50 min"), (12000, "3 h 20 min")],
)
def test_durations(seconds, words):
    assert describe_s(seconds) == words


def test_summary_names_what_failed_and_the_line_to_type():
    events = [
        Event("worlds@x", "ended", 1090.0, 80.0),
        Event("train_da2", "failed", 1120.0, 20.0),
        Event("report", "unchanged", 1120.0),
    ]
    text = commands.summarize(after(plan(), *events, now=1120.0))
    assert text.splitlines() == [
        "1 stage ran in 2 min (1 min of processor time; most of it: worlds@x 1 min)",
        "failed: train_da2; the lines above say why. Alone, with all that it prints:",
        "    .venv/bin/dvc repro --single-item train_da2",
        "What ended is kept: `make repro` resumes from there.",
    ]


def test_times_are_remembered_over_calls_also_of_one_that_was_killed(tmp_path):
    plan().write(tmp_path)
    append(Event("worlds@x", "ended", 1090.0, 80.0), tmp_path)
    append(Event("train_da2", "started", 1100.0), tmp_path)  # killed
    commands.keep_seconds(tmp_path)
    plan(pending={"train_da2"}).write(tmp_path)
    append(Event("train_da2", "ended", 2000.0, 590.0), tmp_path)
    commands.keep_seconds(tmp_path)
    assert read_seconds(tmp_path / "seconds.json") == {"worlds@x": 80.0, "train_da2": 590.0}


def test_times_are_recorded_only_when_every_stage_was_timed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "MEASURED", tmp_path / "measured.json")
    monkeypatch.setattr(commands, "REPO", tmp_path)
    (tmp_path / "docs/benchmarks").mkdir(parents=True)
    assert commands.record(plan(), {"worlds@x": 80.0, "another": 1.0}) == 2
    assert "got times of 1 of 7 stages (report never ran here)" in capsys.readouterr().err
    assert not (tmp_path / "measured.json").exists()
    assert commands.record(plan(pending=set()), {**SECONDS, "another": 1.0}) == 0
    assert json.loads((tmp_path / "measured.json").read_text()) == SECONDS
    page = (tmp_path / commands.PAGE).read_text()
    assert "| `worlds` | 3 | 270 | 120 |" in page
    assert "30 minutes of processor time,\n15 by the clock on 2 cores" in page
