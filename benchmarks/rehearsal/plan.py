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
    found = {command.name: command for command in commands(root, sections)}
    graph = {name: _makers(command, found.values()) for name, command in found.items()}
    place = {name: number for number, name in enumerate(found)}
    order = TopologicalSorter(graph)
    order.prepare()
    done: list[Command] = []
    while order.is_active():
        ready = sorted(order.get_ready(), key=place.__getitem__)
        done += [found[name] for name in ready]
        order.done(*ready)
    return done


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
