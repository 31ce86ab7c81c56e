"""The stages of dvc.yaml in the order of what they read, and those that an ablation repeats."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from experiments.pipeline.closure.stages import Command, commands
from experiments.study.plan import ResolvedSections, overlaps

DATA = ("data/", "runs", "reports")


def in_order(root: Path, sections: Mapping[str, Any]) -> list[Command]:
    """Return all stages under the sections of a values file, each after those it reads from.

    Args:
        root: Holds dvc.yaml.
        sections: All sections, as `params.read_params` gives them.
    """
    found = list(commands(root, sections))
    waiting, done = Waiting(found), []
    while ready := waiting.ready():
        done += ready
        waiting.done(*ready)
    return done


class Waiting:
    """Stages that wait for those they read from.

    Args:
        stages: In any order.
    """

    def __init__(self, stages: Sequence[Command]) -> None:
        self._found = {command.name: command for command in stages}
        self._place = {name: number for number, name in enumerate(self._found)}
        self._order = TopologicalSorter({c.name: _makers(c, stages) for c in stages})
        self._order.prepare()

    def ready(self) -> list[Command]:
        """Return the stages that became free since the last call."""
        names = sorted(self._order.get_ready(), key=self._place.__getitem__)
        return [self._found[name] for name in names]

    def done(self, *stages: Command) -> None:
        """Free those that wait for these stages, however they ended."""
        self._order.done(*(command.name for command in stages))


def _makers(command: Command, others: Iterable[Command]) -> set[str]:
    return {
        other.name
        for other in others
        if other.name != command.name
        and any(overlaps(read, made) for read in command.reads for made in other.writes)
    }


def missing(command: Command, folder: Path) -> list[str]:
    """Return the data that a stage reads and that is not there: DVC would refuse to run it."""
    return [
        place for place in command.reads if place.startswith(DATA) and not (folder / place).exists()
    ]


def to_repeat(
    order: Sequence[Command], before: Mapping[str, Any], now: Mapping[str, Any], target: str
) -> list[Command]:
    """Return the stages that `dvc exp run` of one row would run, in order; the target is the last.

    Those whose sections differ, or that are new, and those behind them, as far as the target reads
    from them.

    Args:
        order: Of `in_order`, under the row's sections.
        before: Sections of the pipeline that has run.
        now: Sections of the row.
        target: Stage that the row reproduces.
    """
    needed, found = {target}, []
    for command in reversed(order):  # upwards from the target
        if command.name in needed:
            needed |= _makers(command, order)
    changed: set[str] = set()
    old, new = ResolvedSections(before), ResolvedSections(now)
    for command in order:
        own = any(old.at(name, None) != new.at(name, None) for name in command.sections)
        looped = command.item and command.item not in _loops(before)
        if command.name in needed and (
            command.name == target or own or looped or _makers(command, order) & changed
        ):
            changed.add(command.name)
            found.append(command)
    return found


def _loops(sections: Mapping[str, Any]) -> set[str]:
    lists = sections.get("pipeline", {}).values()
    named = {str(x) for values in lists if isinstance(values, list) for x in values}
    return named | set(sections.get("worlds") or {})
