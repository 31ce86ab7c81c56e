"""What the papers say, read from facts.yaml: one entry a number, with its source and ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("facts.yaml")
RUN = ("ours", "times", "run", "counts", "code", "built", "drawn", "pictures")
"""What an entry says of us by; one of them."""
_KEYS = {"what", "says", "where", "means", "release", "by", "why", "guess", *RUN}


class FactError(ValueError):
    """An entry of the facts file lacks what its reader needs."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One number, or one choice that a paper names in words.

    Attributes:
        what: What is counted, measured or chosen.
        says: The paper's number or words; None where it is silent.
        where: Section, table or figure, or the release; empty where the paper is silent.
        ours: Places of params.paper.yaml, as globs without `init_args`; also of options that the
            configuration leaves to the default of what it names.
        means: What the configuration says where it means the paper's words.
        times: The number is the product of these places, in place of `ours`.
        run: What we do, in words, where it is no number of the configuration; needs `why`.
        counts: `<data set>/<split>` whose pictures are counted, in place of `ours`.
        release: Of `counts`: the factors of the number by the data set's own release, each a number
            or the numbers that make it up.
        by: What these factors are.
        code: `module:attribute.key` of a constant, in place of `ours`.
        built: `section.path` of a list of parts in the network that a section builds; they are
            counted.
        drawn: Glob of names in `da2.data.train`; percent of all panoramas drawn.
        pictures: `<data set>/<split>` whose published numbers of pictures are added up.
        why: Why ours is another number.
        guess: Where ours is from, if the paper is silent.
    """

    what: str
    says: Any
    where: str = ""
    ours: tuple[str, ...] = ()
    means: str | None = None
    times: tuple[str, ...] = ()
    run: str = ""
    counts: str = ""
    release: tuple[int | tuple[int, ...], ...] = ()
    by: str = ""
    code: str = ""
    built: str = ""
    drawn: str = ""
    pictures: tuple[str, ...] = ()
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
    if sum(bool(entry.get(key)) for key in RUN) != 1:
        raise FactError(f"{what}: got {sorted(entry)}, expected one of {', '.join(RUN)}")
    if len({bool(entry.get(key)) for key in ("counts", "release", "by")}) != 1:
        raise FactError(f"{what}: got {sorted(entry)}, expected counts, release, by, or none")
    if bool(entry.get("where")) != (entry["says"] is not None):
        raise FactError(f"{what}: expected `where` with a number of the paper, and only there")
    if bool(entry.get("guess")) != (entry["says"] is None):
        raise FactError(f"{what}: expected `guess` where the paper is silent, and only there")
    if "means" in entry and not (entry.get("ours") or entry.get("code")):
        raise FactError(f"{what}: got `means`, expected it with a place of the configuration")
    places = {key: tuple(_listed(entry.get(key))) for key in ("ours", "times", "pictures")}
    release = tuple(tuple(f) if isinstance(f, list) else f for f in entry.get("release") or ())
    return Fact(**{**entry, **places, "release": release})


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())
