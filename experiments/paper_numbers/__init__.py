"""Each number of the three papers beside the one that params.paper.yaml states."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import yaml

from experiments.pipeline import params
from pano_data import datasets

FILE = Path(__file__).with_name("facts.yaml")
NOT_SAID = "not said"
_KEYS = {"what", "says", "where", "ours", "times", "run", "counts", "release", "by", "why", "guess"}
_RUN = ("ours", "times", "run", "counts")
"""What an entry says of us by; one of them."""
PAPERS = ("da2", "dap", "depth_anywhere")
MACHINE = (
    "*.threads", "*.num_workers", "*.checkpoint_every", "*.log_every_n_steps",
    "*.num_sanity_val_steps", "*.val_check_interval", "*.check_val_every_n_epoch",
    "*.eval_batch_size", "*.seed", "*.seed_everything", "*.panels", "*.num_nodes",
    "dap_label*.batch_size", "dap_curate.batch_size",
)  # fmt: skip
"""Places of what no paper counts: machines, seeds, how often something is written."""
HEAD = """# The papers' numbers, and ours

Written by `python -m experiments.paper_numbers` from `experiments/paper_numbers/facts.yaml` and
`params.paper.yaml`; a test holds it to both, holds that no number of a section of the three papers
is missing here, and that no number is compared with itself: what "we run" is read from the
configuration (changing it there changes it here) or, where pictures are counted, from the release
of the data set, of which the paper is no source. `init_args` is left out of places.
"""


class FactError(ValueError):
    """An entry of the facts file lacks what its reader needs."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One number.

    Attributes:
        what: What is counted or measured.
        says: The paper's number; None where it is silent.
        where: Section, table or figure, or the release; empty where the paper is silent.
        ours: Places of params.paper.yaml, as globs without `init_args`.
        times: The number is the product of these places, in place of `ours`.
        run: What we do, in words, where it is no number of the configuration; needs `why`.
        counts: `<data set>/<split>` whose pictures are counted, in place of `ours`.
        release: Of `counts`: the factors of the number by the data set's own release, each a number
            or the numbers that make it up.
        by: What these factors are.
        why: Why ours is another number.
        guess: Where ours is from, if the paper is silent.
    """

    what: str
    says: Any
    where: str = ""
    ours: tuple[str, ...] = ()
    times: tuple[str, ...] = ()
    run: str = ""
    counts: str = ""
    release: tuple[int | tuple[int, ...], ...] = ()
    by: str = ""
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
    if sum(bool(entry.get(key)) for key in _RUN) != 1:
        raise FactError(f"{what}: got {sorted(entry)}, expected one of {', '.join(_RUN)}")
    if len({bool(entry.get(key)) for key in ("counts", "release", "by")}) != 1:
        raise FactError(f"{what}: got {sorted(entry)}, expected counts, release, by, or none")
    if bool(entry.get("where")) != (entry["says"] is not None):
        raise FactError(f"{what}: expected `where` with a number of the paper, and only there")
    if bool(entry.get("guess")) != (entry["says"] is None):
        raise FactError(f"{what}: expected `guess` where the paper is silent, and only there")
    places = {key: tuple(_listed(entry.get(key))) for key in ("ours", "times")}
    release = tuple(tuple(f) if isinstance(f, list) else f for f in entry.get("release") or ())
    return Fact(**{**entry, **places, "release": release})


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def read_numbers(path: Path) -> dict[str, Any]:
    """Return the numbers of all sections of the three papers, trainings with `common` below.

    Places are without `init_args`; a list of numbers is one number.
    """
    common = params.section("common", path)
    found: dict[str, Any] = {}
    for name in params.read_params(path):
        if name.startswith(PAPERS):
            section = params.section(name, path)
            whole = params.merged(common, section) if "trainer" in section else section
            found.update(_leaves(whole, name))
    return found


def _leaves(node: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, at if key == "init_args" else f"{at}.{key}")
    elif isinstance(node, list) and not (node and all(map(_is_number, node))):
        for index, value in enumerate(node):
            yield from _leaves(value, f"{at}.{index}")
    elif isinstance(node, list) or _is_number(node):
        yield at, node


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def our_number(fact: Fact, numbers: Mapping[str, Any]) -> Any:
    """Return our number for a fact.

    Raises:
        FactError: A place does not exist, or places that should agree do not; a release has another
            number of pictures than the reader of the data set says.
    """
    if fact.run:
        return fact.run
    if fact.times:
        return prod(_only(fact, place, numbers) for place in fact.times)
    if fact.counts:
        return _count(fact)
    found = {str(value := _only(fact, place, numbers)): value for place in fact.ours}
    if len(found) > 1:
        raise FactError(f"{fact.what}: got {sorted(found)} at {fact.ours}, expected one number")
    return found.popitem()[1]


def _only(fact: Fact, place: str, numbers: Mapping[str, Any]) -> Any:
    found = {at: numbers[at] for at in matching_places(place, numbers)}
    if len({str(value) for value in found.values()}) != 1:
        raise FactError(f"{fact.what}: got {found} at {place}, expected one number")
    return found.popitem()[1]


def matching_places(place: str, numbers: Mapping[str, Any]) -> list[str]:
    """Return the places of `numbers` that a glob names."""
    return [at for at in numbers if fnmatchcase(at, place)]


def _count(fact: Fact) -> int:
    name, split = fact.counts.split("/")
    released = prod(sum(f) if isinstance(f, tuple) else f for f in fact.release)
    expected = datasets.get(name).counts[split]
    if released != expected:
        raise FactError(
            f"{fact.what}: got {released} by {fact.by}, expected the {expected} of {name}'s reader"
        )
    return released


def numbers_without_fact(
    facts: Mapping[str, tuple[Fact, ...]], numbers: Mapping[str, Any]
) -> list[str]:
    """Return the places of numbers that no fact names."""
    named = [p for entries in facts.values() for fact in entries for p in fact.ours + fact.times]
    covered = {at for place in (*named, *MACHINE) for at in matching_places(place, numbers)}
    return [at for at in numbers if at not in covered]


def same_number(fact: Fact, number: Any) -> bool:
    """Tell whether our number is the paper's."""
    return fact.says is not None and str(_plain(fact.says)) == str(_plain(number))


def _plain(number: Any) -> Any:
    if isinstance(number, Sequence) and not isinstance(number, str):
        return [_plain(part) for part in number]
    return float(number) if isinstance(number, int | float) else number


def page(facts: Mapping[str, Sequence[Fact]], numbers: Mapping[str, Any]) -> str:
    """Return the page: a table per paper."""
    parts = [HEAD]
    for paper, entries in facts.items():
        rows = [(fact, our_number(fact, numbers)) for fact in entries]
        counts = [
            sum(same_number(*row) and not row[0].counts for row in rows),
            sum(same_number(*row) and bool(row[0].counts) for row in rows),
            sum(fact.says is not None and not same_number(fact, n) for fact, n in rows),
            sum(fact.says is None for fact, _ in rows),
        ]
        parts.append(
            f"## {paper}\n\n{counts[0]} as the paper says, {counts[1]} that it counts as the "
            f"releases do, {counts[2]} otherwise, {counts[3]} where it is silent.\n\n"
            "| number | paper says | we run | where ours stands | source | why, or the guess |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "".join(_line(*row) for row in rows)
        )
    return "\n".join(parts)


def _line(fact: Fact, number: Any) -> str:
    says = NOT_SAID if fact.says is None else _text(fact.says)
    run = (
        _text(number) if same_number(fact, number) or fact.says is None else f"**{_text(number)}**"
    )
    places = " x ".join(f"`{p}`" for p in fact.times) or ", ".join(f"`{p}`" for p in fact.ours)
    if fact.counts:
        places = f"release of `{fact.counts}`: {_product(fact.release)} ({fact.by})"
    why = f"guess: {fact.guess}" if fact.guess else fact.why
    return f"| {fact.what} | {says} | {run} | {places} | {fact.where} | {why} |\n"


def _product(release: Sequence[int | tuple[int, ...]]) -> str:
    factors = [f"({' + '.join(map(_text, f))})" if isinstance(f, tuple) else _text(f)
               for f in release]  # fmt: skip
    return " x ".join(factors)


def _text(number: Any) -> str:
    if isinstance(number, Sequence) and not isinstance(number, str):
        return " x ".join(_text(part) for part in number)
    if isinstance(number, int) and number >= 10_000:
        return f"{number:,}"
    return f"{number:g}" if isinstance(number, float) else str(number)
