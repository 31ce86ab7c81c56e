"""What the papers say, number by number (`facts.yaml`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("facts.yaml")
NOT_SAID = "not said"
_KEYS = {"what", "says", "where", "ours", "times", "run", "why", "guess"}


class FactError(ValueError):
    """An entry of the facts file lacks what its reader needs."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One number.

    Attributes:
        what: What is counted or measured.
        says: The paper's number; None where it is silent.
        where: Section, table or figure, or the release; empty where the paper is silent.
        ours: Places of params.paper.yaml, as globs without `init_args`, or one
            `counts:<data set>/<split>` or `module:attribute`.
        times: The number is the product of these places, in place of `ours`.
        run: What we do, in words, where it is no number of the configuration; needs `why`.
        why: Why ours is another number.
        guess: Where ours is from, if the paper is silent.
    """

    what: str
    says: Any
    where: str = ""
    ours: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    run: str = ""
    why: str = ""
    guess: str = ""


@cache
def read_facts(path: Path = FILE) -> Mapping[str, tuple[Fact, ...]]:
    """Return the numbers by paper.

    Raises:
        FactError: An entry has unknown keys, no place of ours, or no source.
    """
    raw = yaml.safe_load(path.read_text())
    return {paper: tuple(_fact(paper, e) for e in entries) for paper, entries in raw.items()}


def _fact(paper: str, entry: Mapping[str, Any]) -> Fact:
    what = f"{paper}, {entry.get('what')}"
    if set(entry) - _KEYS or not {"what", "says"} <= set(entry):
        raise FactError(f"{what}: got keys {sorted(entry)}, expected {sorted(_KEYS)}")
    if sum(bool(entry.get(key)) for key in ("ours", "times", "run")) != 1:
        raise FactError(f"{what}: got {sorted(entry)}, expected one of `ours`, `times`, `run`")
    if bool(entry.get("where")) != (entry["says"] is not None):
        raise FactError(f"{what}: expected `where` with a number of the paper, and only there")
    if bool(entry.get("guess")) != (entry["says"] is None):
        raise FactError(f"{what}: expected `guess` where the paper is silent, and only there")
    places = {key: tuple(_listed(entry.get(key))) for key in ("ours", "times")}
    return Fact(**{**entry, **places})


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
