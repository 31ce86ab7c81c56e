"""What happened to each stage of a `make repro`, written by every line, and the time left.

The processes of the lines append to one file; a line of it is shorter than what a file system
writes at once.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from dvc.stage import Stage

from experiments.pipeline.repro.plan import FOLDER, JOURNAL, ReproPlan, StageLine, read_plan

VARIABLE = "PANODEPTH_REPRO"
"""Set by scripts/repro.sh; without it `quick_dvc` is silent."""
MINIMUM_PACED_S = 30.0
"""Of expected time that has passed before the pace of this machine counts."""

Happening = Literal["started", "ended", "unchanged", "failed"]


@dataclass(frozen=True)
class Event:
    """One line of the journal.

    Attributes:
        stage: Name.
        what: "unchanged": what it reads is as before, so it did not run.
        time: In seconds of `time.time`.
        cpu_s: Processor time of the stage and all its processes, where it ended.
    """

    stage: str
    what: Happening
    time: float
    cpu_s: float = 0.0


def append(event: Event, folder: Path = FOLDER) -> None:
    """Add an event to the journal."""
    with (folder / JOURNAL).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(event)) + "\n")


def read_journal(folder: Path = FOLDER) -> list[Event]:
    """Return the events so far; a line that a crash cut short is left out."""
    events = []
    for line in (folder / JOURNAL).read_text("utf-8").splitlines():
        try:
            event = Event(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if event.what in get_args(Happening):
            events.append(event)
    return events


@dataclass(frozen=True)
class Progress:
    """A plan and what has become of it.

    Attributes:
        plan: The plan.
        last: The last event of each stage that had any.
        now: In seconds of `time.time`.
    """

    plan: ReproPlan
    last: Mapping[str, Event]
    now: float

    def number_begun(self) -> int:
        """Return how many pending stages have begun, run or been found unchanged."""
        return len(self.plan.pending & self.last.keys())

    def passed_s(self) -> float:
        """Return the seconds by the clock from the start to the last event."""
        times = [event.time for event in self.last.values()]
        return max(times, default=self.plan.started) - self.plan.started

    def time_left_s(self) -> float:
        """Return the seconds by the clock until the last stage ends, at this call's pace."""
        whole = sum(self._phase_s({}).values())
        left = sum(self._phase_s(self.last).values())
        passed = whole - left
        pace = 1.0
        if passed >= MINIMUM_PACED_S:
            pace = (self.now - self.plan.started) / passed
        return left * pace

    def _phase_s(self, last: Mapping[str, Event]) -> dict[int, float]:
        """Return the expected seconds of each phase: its longest line, or its work by the cores."""
        seconds: dict[int, list[float]] = {}
        for line in self.plan.lines:
            seconds.setdefault(line.phase, []).append(self._line_s(line, last))
        cores = self.plan.cores
        return {phase: max(*lines, sum(lines) / cores, 0) for phase, lines in seconds.items()}

    def _line_s(self, line: StageLine, last: Mapping[str, Event]) -> float:
        return sum(self._stage_s(name, last) for name in line.stages if name in self.plan.pending)

    def _stage_s(self, name: str, last: Mapping[str, Event]) -> float:
        if name in self.last and self.last[name].what == "unchanged":
            return 0.0  # was never going to take time
        expected = self.plan.expected(name)
        if name not in last:
            return expected
        event = last[name]
        if event.what != "started":
            return 0.0
        return max(0.0, expected - (self.now - event.time) * self._share(name))

    def _share(self, name: str) -> float:
        """Return the part of a core that a stage has while all lines of its phase run."""
        phases = [line.phase for line in self.plan.lines]
        phase = next((line.phase for line in self.plan.lines if name in line.stages), None)
        return min(1.0, self.plan.cores / max(1, phases.count(phase) if phase is not None else 1))


def read_progress(folder: Path = FOLDER) -> Progress:
    """Return what has become of the plan until now.

    Raises:
        OSError: There is no plan.
    """
    last: dict[str, Event] = {}
    for event in read_journal(folder):
        # the last `dvc repro` finds every stage of the lines unchanged
        if event.what != "unchanged" or event.stage not in last:
            last[event.stage] = event
    return Progress(read_plan(folder), last, time.time())


def describe_start(progress: Progress, stage: str) -> str:
    """Return the line that a stage begins with."""
    number, left = progress.number_begun() + 1, describe_left(progress)
    return f"stage {number} of {len(progress.plan.pending)}{left and f', {left} left'}: {stage}"


def describe_left(progress: Progress) -> str:
    """Return the time left in words, "" where none of the stages left was ever timed."""
    left = progress.plan.pending - progress.last.keys()
    unknown = [name for name in left if progress.plan.expected(name) == 0]
    if unknown and len(unknown) == len(left):
        return ""
    return f"{'at least' if unknown else 'about'} {describe_s(progress.time_left_s())}"


def describe_s(seconds: float) -> str:
    """Return a duration in words: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"


def watch_stages(folder: Path = FOLDER) -> None:
    """Make DVC write what happens to each stage, and print its number and the time left."""
    run: Any = Stage.run
    reproduce: Any = Stage.reproduce

    def watched_run(stage: Stage, *args: Any, **options: Any) -> Any:
        name = stage.addressing
        sys.stdout.write(describe_start(read_progress(folder), name) + "\n")
        sys.stdout.flush()
        append(Event(name, "started", time.time()), folder)
        before = _children_s()
        try:
            result = run(stage, *args, **options)
        except BaseException:
            append(Event(name, "failed", time.time(), _children_s() - before), folder)
            raise
        append(Event(name, "ended", time.time(), _children_s() - before), folder)
        return result

    def watched_reproduce(stage: Stage, *args: Any, **options: Any) -> Any:
        result = reproduce(stage, *args, **options)
        if result is None:
            append(Event(stage.addressing, "unchanged", time.time()), folder)
        return result

    Stage.run = watched_run
    Stage.reproduce = watched_reproduce


def is_watched() -> bool:
    """Say whether scripts/repro.sh asks for it."""
    return VARIABLE in os.environ


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
