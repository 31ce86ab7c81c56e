"""A card is lent for minutes: whatever a step does, the table comes, in time and with what ran."""

import json
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import check, measures
from benchmarks.gpu.measures import GpuMeasure

LINE = {"name": "x", "value": 2.0, "unit": "ms", "goal": 1.0, "at_most": True, "passed": False}


def python(name: str, code: str, seconds: int = 20) -> check.CheckStep:
    return name, [sys.executable, "-c", code], seconds


def writes(out: Path, *values: float) -> str:
    rows = "".join(json.dumps(LINE | {"value": value}) + "\n" for value in values)
    return f"open({str(out)!r}, 'a').write({rows!r})"


def test_a_step_that_fails_leaves_the_others_and_says_why(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    lines = check.check(
        [
            python("broken", "raise SystemExit('no kernel image')"),
            python("killed", "import os; os.abort()"),
            python("sound", writes(out, 1.0, 2.0)),
        ],
        out,
        seconds=60,
    )
    assert [line["name"] for line in lines] == ["broken", "killed", "sound", "x", "x"]
    assert [line["passed"] for line in lines] == [False, False, True, False, False]
    assert lines[0]["said"] == "no kernel image"
    assert [line["value"] for line in lines[3:]] == [1.0, 2.0]


def test_a_hanging_step_ends_with_its_children_and_keeps_what_it_measured(tmp_path: Path) -> None:
    out, alive = tmp_path / "results.jsonl", tmp_path / "alive"
    child = f"import time; time.sleep(3); open({str(alive)!r}, 'w').write('late')"
    hang = (
        f"import subprocess, sys, time; {writes(out, 5.0)};"
        f"subprocess.Popen([sys.executable, '-c', {child!r}]); print('compiling', flush=True);"
        "time.sleep(60)"
    )
    start = time.monotonic()
    lines = check.check([python("hang", hang, 2), python("next", "pass")], out, seconds=60)
    assert time.monotonic() - start < 30
    assert [(line["name"], line["passed"]) for line in lines[::2]] == [
        ("hang", False),
        ("next", True),
    ]
    assert lines[0]["said"] == "took longer than 2 s; compiling"
    assert lines[1]["value"] == 5.0
    time.sleep(2.5)
    assert not alive.exists()


def test_no_step_starts_when_the_time_of_all_is_over(tmp_path: Path) -> None:
    late = tmp_path / "late"
    steps = [
        python("long", "import time; time.sleep(60)"),
        python("late", f"open({str(late)!r}, 'w')"),
    ]
    lines = check.check(steps, tmp_path / "results.jsonl", seconds=0.5, slower=2)
    assert [line["passed"] for line in lines] == [False, False]
    assert not late.exists()


def test_half_a_line_of_a_killed_step_is_left_out(tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    code = f"{writes(out, 1.0)}; open({str(out)!r}, 'a').write('{{\"name\": ')"
    assert len(check.check([python("cut", code)], out, seconds=60)) == 2


def test_steps_fit_into_eight_minutes(tmp_path: Path) -> None:
    steps = list(check.commands(False, tmp_path / "out"))
    assert sum(seconds for _, _, seconds in steps) <= check.ALL_SECONDS == 8 * 60
    assert [name for name, _, _ in steps] == ["contract tests", *measures.STEPS]


def test_every_file_with_a_test_for_a_card_is_run() -> None:
    files = check.tests_of_a_card(check.ROOT)
    folders = {Path(file).parts[1] for file in files}
    assert {"geometry", "losses", "models", "panodepth"} <= folders
    assert all((check.ROOT / file).is_file() for file in files)
    assert not any("rehearsal" in file for file in files)


def test_command_of_a_step_writes_its_results(monkeypatch, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    found = [GpuMeasure("first", 1.0, "ms", 2.0), GpuMeasure("second", 3.0, "ms", 2.0)]
    seen = []

    def measure(device, small):
        seen.append((device.type, small))
        yield found[0]
        assert len(out.read_text().splitlines()) == 1  # written before the next is measured
        yield found[1]

    monkeypatch.setitem(measures.STEPS, "feeding", (measure, 1))
    step = {name: command for name, command, _ in check.commands(True, out)}["feeding"]
    assert check.main(step[3:]) == 0
    assert seen == [("cpu", True)]
    rows = [json.loads(row) for row in out.read_text().splitlines()]
    assert [row["name"] for row in rows] == ["first", "second"]
    assert [row["passed"] for row in rows] == [True, False]


def test_without_a_card_nothing_is_checked(monkeypatch, capsys) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert check.main([]) == 2
    assert "no CUDA device" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "exit_code"), [("pass", 0), ("raise SystemExit(3)", 1)])
def test_the_table_and_the_json_come_last(code, exit_code, monkeypatch, tmp_path, capsys) -> None:
    monkeypatch.setattr(
        check,
        "commands",
        lambda rehearse, out: [python("one", code), python("two", writes(out, 9.0))],
    )
    page = tmp_path / "check.json"
    assert check.main(["--rehearse", "--out", str(page)]) == exit_code
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("rehearsal, torch ")
    assert printed[2:4] == ["| check | value | goal | |", "| --- | ---: | ---: | --- |"]
    assert printed[-1] == "| x | 9 ms |  | ok |"  # beyond its goal, which a rehearsal has not
    results = json.loads(page.read_text())["results"]
    assert [line["name"] for line in results] == ["one", "two", "x"]


def test_one_step_alone(monkeypatch, tmp_path) -> None:
    run = []
    monkeypatch.setattr(check, "check", lambda steps, *rest: run.extend(steps) or [])
    page = str(tmp_path / "check.json")
    assert check.main(["--rehearse", "--only", "training", "feeding", "--out", page]) == 0
    assert [name for name, _, _ in run] == ["training", "feeding"]


def test_a_value_beyond_its_goal_is_a_failure() -> None:
    assert GpuMeasure("x", 2.5, "x", 2.5).passed
    assert not GpuMeasure("x", 2.6, "x", 2.5).passed
    assert GpuMeasure("mfu", 0.5, "", 0.45, at_most=False).passed
    assert not GpuMeasure("mfu", 0.44, "", 0.45, at_most=False).passed
    assert GpuMeasure("x", float("inf"), "ms").passed
    row = check.table([LINE | {"said": "out of memory"}]).splitlines()[-1]
    assert row == "| x | 2 ms | <= 1 | FAIL out of memory |"
