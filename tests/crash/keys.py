"""Every key of the values files, and how each is changed."""

import functools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.pipeline import params
from experiments.pipeline.closure.stages import Command, commands
from experiments.pipeline.names import LOOPS

ROOT = Path(__file__).parents[2]
FILES = ("params.yaml", "params.long.yaml", "params.paper.yaml")
Place = tuple[Any, ...]


@dataclass(frozen=True)
class Mistake:
    """One key of a values file, changed.

    Attributes:
        file: The values file.
        place: Of the key, from the top of the file.
        how: Of `CHANGES`.
        commands: What reads it, of different sections, in the order in which they are asked; none
            for a loop of dvc.yaml.
    """

    file: str
    place: Place
    how: str
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.place))} of {self.file} {self.how}"

    def sections(self) -> tuple[dict[str, Any], str]:
        """Return all sections with the change in them, and the word that a line must hold."""
        changed = json.loads(json.dumps(_read(self.file)))
        node = changed
        for key in self.place[:-1]:
            node = node[key]
        return changed, CHANGES[self.how](node, self.place[-1])


@functools.cache
def _read(file: str) -> dict[str, Any]:
    return params.read_params(ROOT / file)


@functools.cache
def every_mistake() -> list[Mistake]:
    """Return every key that is read by a stage or looped over, of each file what it states."""
    found, rng = [], random.Random(0)
    for name in FILES:
        written = params.parse((ROOT / name).read_text())
        for place, reading in _readers(name).items():
            if _states(written, place):
                asked = tuple(rng.sample(reading, len(reading)))
                found += [Mistake(name, place, how, asked) for how in CHANGES]
    # Beside each other, those that one process is asked about.
    return sorted(found, key=lambda m: (m.file, [(c.module, c.words) for c in m.commands[:1]]))


def _readers(file: str) -> dict[Place, list[Command]]:
    """Return the commands that read each place, one for each section that they start from."""
    sections = json.loads(json.dumps(_read(file)))
    readers: dict[Place, dict[str, Command]] = {}
    for command in commands(ROOT, sections):
        for section in filter(None, command.sections):
            at = tuple(section.split("."))
            for place in (at, *_places(_node(sections, at), at)):
                own = " ".join((command.module, *command.words))
                readers.setdefault(place, {}).setdefault(own, command)
    for place in ((LOOPS,), *_places(sections[LOOPS], (LOOPS,))):
        readers[place] = {}
    return {place: list(found.values()) for place, found in readers.items()}


def _node(read: Any, at: Place) -> Any:
    for key in at:
        read = read.get(key) if isinstance(read, dict) else None
    return read


def _places(node: Any, at: Place) -> Iterator[Place]:
    """Yield the places of all keys; an entry of a list is on the way, and is no key."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*at, key)
            yield from _places(value, (*at, key))
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _places(item, (*at, number))


def _states(written: Any, place: Place) -> bool:
    """Whether a file states a key itself: an overlay has the others from the file below it."""
    for key in place:
        written = getattr(written, "value", written)  # below `!replace`
        there = range(len(written)) if isinstance(written, list) else written
        if not isinstance(there, Mapping | range) or key not in there:
            return False
        written = written[key]
    return True


def _delete(node: dict[str, Any], key: str) -> str:
    node.pop(key)
    return key


def _rename(node: dict[str, Any], key: str) -> str:
    renamed = {f"{k}_x" if k == key else k: value for k, value in node.items()}
    node.clear()
    node.update(renamed)
    return f"{key}_x"


def _mistype(node: dict[str, Any], key: str) -> str:
    value = node[key]
    node[key] = {"no": "mapping"} if not isinstance(value, Mapping) else "nomapping"
    return key


CHANGES: dict[str, Callable[[dict[str, Any], str], str]] = {
    "deleted": _delete, "renamed": _rename, "mistyped": _mistype,
}  # fmt: skip
