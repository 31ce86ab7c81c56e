import io
import sys

import pytest
import tqdm.std

from pano_data.progress import open_bar, track


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tqdm.std, "time", clock)
    return clock


def _loop(clock: Clock, count: int, seconds: float, total: int | None = None) -> None:
    for _ in track(iter(range(count)) if total is None else range(count), "reading", total):
        clock.now += seconds


def test_a_log_gets_a_line_every_twenty_seconds(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    _loop(clock, 10, 8.0, total=10)  # 80 s
    assert capsys.readouterr().err.splitlines() == [
        "reading: 3 of 10, 8 s each, 00:56 left",  # after 24 s
        "reading: 6 of 10, 8 s each, 00:32 left",
        "reading: 9 of 10, 8 s each, 00:08 left",
        "reading: 10 of 10, 8 s each, 00:00 left",
    ]


def test_many_items_a_second_write_no_more_lines(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    _loop(clock, 6464, 1 / 64, total=6464)  # 101 s
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "reading: 1280 of 6464, 64 per s, 01:21 left"
    assert len(lines) == 6


def test_an_end_that_is_due_is_told_once(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    _loop(clock, 6, 8.0, total=6)  # the last item is done 24 s after the line before
    assert capsys.readouterr().err.splitlines() == [
        "reading: 3 of 6, 8 s each, 00:24 left",
        "reading: 6 of 6, 8 s each, 00:00 left",
    ]


def test_a_short_loop_writes_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    _loop(clock, 10, 1.9, total=10)
    assert capsys.readouterr().err == ""


def test_without_a_total_nothing_is_said_to_be_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    _loop(clock, 3, 21.0)
    first, *_ = capsys.readouterr().err.splitlines()
    assert first == "reading: 1, 21 s each"


def test_nested_loops_write_whole_lines(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in track(range(2), "outer"):
        for _ in track(range(3), "inner"):
            clock.now += 15.0
    text = capsys.readouterr().err
    assert "\r" not in text
    assert "\x1b" not in text
    assert all(line.startswith(("outer: ", "inner: ")) for line in text.splitlines())
    assert "outer: 2 of 2, 45 s each, 00:00 left" in text


def test_a_resumed_loop_counts_from_where_it_was(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_bar("training", 100, initial=40, note=lambda: "loss 0.25") as bar:
        for _ in range(30):
            clock.now += 1.0
            bar.update()
    assert capsys.readouterr().err.splitlines()[0] == (
        "training: 60 of 100, 1 per s, 00:40 left, loss 0.25"
    )


def test_a_terminal_shows_a_bar(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    _loop(clock, 3, 1.0, total=3)
    text = terminal.getvalue()
    assert text.count("\r") >= 3
    assert "100%" in text


def test_a_hidden_loop_is_silent(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    seen = [clock.now for _ in track(range(3), "reading", shown=False)]
    clock.now += 60
    assert len(seen) == 3
    assert capsys.readouterr().err == ""


def test_items_after_a_break_are_not_taken(capsys: pytest.CaptureFixture[str]) -> None:
    items = iter(range(5))
    for item in track(items, "reading", 5):
        if item == 1:
            break
    assert next(items) == 2
