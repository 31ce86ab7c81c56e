"""Works that run jobs one after another; some works at once."""

from collections.abc import Callable, Generator

from benchmarks.rehearsal import processes
from benchmarks.rehearsal.processes import CommandResult, Job

JobSequence = Generator[Job, CommandResult, None]
"""Yields a job, is told how it ended, yields the next."""


def drive(next_work: Callable[[], JobSequence | None], slots: int) -> None:
    """Run works until none is left.

    Args:
        next_work: Gives a work that may begin; None where none may before another ends.
        slots: How many jobs may run at once.
    """
    running: dict[int, JobSequence] = {}
    while True:
        while len(running) < slots and (work := next_work()) is not None:
            _go_on(work, None, running)
        if not running:
            return
        child, outcome = processes.wait()
        _go_on(running.pop(child), outcome, running)


def _go_on(
    work: JobSequence, outcome: CommandResult | None, running: dict[int, JobSequence]
) -> None:
    try:
        job = next(work) if outcome is None else work.send(outcome)
    except StopIteration:
        return
    running[processes.start(job)] = work
