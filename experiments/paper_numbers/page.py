"""The page docs/papers/numbers.md: every number of the papers beside ours."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import prod
from typing import Any

from experiments.estimate.sizes import size_of
from experiments.paper_numbers.configuration import MACHINE, Configuration, constant, parts
from experiments.paper_numbers.facts import Fact, FactError
from pano_data import datasets

NOT_SAID = "not said"
DRAWN = {
    "hypersim": "hypersim/complete", "vkitti2": "vkitti2/train", "mvs_synth": "mvs_synth/train",
    "unrealstereo4k": "unrealstereo4k/all", "ken_burns": "ken_burns/train",
    "dynamic_replica": "dynamic_replica/train", "structured3d": "structured3d/train_all_furniture",
    "structured3d_val": "structured3d/val_all_furniture",
}  # fmt: skip
"""Name in `da2.data.train` -> split whose panoramas it holds."""
HEAD = """# The papers' numbers, and ours

Written by `python -m experiments.paper_numbers` from `experiments/paper_numbers/facts.yaml`,
`params.paper.yaml` and the code. A test holds it to them, holds that no number of a section of the
three papers is missing here, and that no number is compared with itself: what "we run" is read
from the configuration or from the defaults of the classes that it names (changed there, it changes
here), from a constant of the code, from the network that a section builds or, where pictures are
counted, from the release of the data set, of which the paper is no source. `init_args` is left
out of places.
"""


def our_number(fact: Fact, config: Configuration) -> Any:
    """Return our number, or words, for a fact.

    Raises:
        FactError: A place does not exist, or places that should agree do not; a release has another
            number of pictures than the reader of the data set says.
    """
    if fact.run:
        return fact.run
    if fact.times:
        return prod(_only(fact, place, config) for place in fact.times)
    if fact.counts:
        return _count(fact)
    if fact.code:
        return constant(fact.code)
    if fact.built:
        return parts(config.path, fact.built)
    if fact.drawn:
        return _share(fact, config)
    if fact.pictures:
        return sum(size_of(*split.split("/")) for split in fact.pictures)
    found = {str(value := _only(fact, place, config)): value for place in fact.ours}
    if len(found) > 1:
        raise FactError(f"{fact.what}: got {sorted(found)} at {fact.ours}, expected one number")
    return found.popitem()[1]


def _only(fact: Fact, place: str, config: Configuration) -> Any:
    found = config.at(place)
    if len({str(value) for value in found.values()}) != 1:
        raise FactError(f"{fact.what}: got {found} at {place}, expected one number")
    return found.popitem()[1]


def _count(fact: Fact) -> int:
    name, split = fact.counts.split("/")
    released = prod(sum(f) if isinstance(f, tuple) else f for f in fact.release)
    expected = datasets.get(name).counts[split]
    if released != expected:
        raise FactError(
            f"{fact.what}: got {released} by {fact.by}, expected the {expected} of {name}'s reader"
        )
    return released


def _share(fact: Fact, config: Configuration) -> float:
    """Return the percent of drawn panoramas: those of a set times its weight, over all."""
    sizes = {name: size_of(*split.split("/")) for name, split in DRAWN.items()}
    stated = {at.split(".")[3] for at in config.at("da2.data.train.*.weight")}
    if stated != set(sizes):
        raise FactError(f"{fact.what}: got sets {sorted(stated)}, expected {sorted(sizes)}")
    drawn = {n: s * _only(fact, f"da2.data.train.{n}.weight", config) for n, s in sizes.items()}
    asked = [d for n, d in drawn.items() if fnmatchcase(n, fact.drawn)]
    return float(round(100 * sum(asked) / sum(drawn.values()), 2))


def numbers_without_fact(facts: Mapping[str, tuple[Fact, ...]], config: Configuration) -> list[str]:
    """Return the places of stated numbers that no fact names."""
    named = [p for entries in facts.values() for fact in entries for p in fact.ours + fact.times]
    covered = {at for place in (*named, *MACHINE) for at in config.at(place)}
    return [at for at in config.numbers if at not in covered]


def same_number(fact: Fact, value: Any) -> bool:
    """Whether ours is what the paper says."""
    said = fact.says if fact.means is None else fact.means
    return fact.says is not None and str(_plain(said)) == str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return float(value) if isinstance(value, int | float) else value


def page(facts: Mapping[str, Sequence[Fact]], config: Configuration) -> str:
    """Return the page: a table per paper."""
    made = [HEAD]
    for paper, entries in facts.items():
        rows = [(fact, our_number(fact, config)) for fact in entries]
        counts = [
            sum(same_number(*row) and not row[0].counts for row in rows),
            sum(same_number(*row) and bool(row[0].counts) for row in rows),
            sum(fact.says is not None and not same_number(fact, n) for fact, n in rows),
            sum(fact.says is None for fact, _ in rows),
        ]
        made.append(
            f"## {paper}\n\n{counts[0]} as the paper says, {counts[1]} that it counts as the "
            f"releases do, {counts[2]} otherwise, {counts[3]} where it is silent.\n\n"
            "| number | paper says | we run | where ours stands | source | why, or the guess |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "".join(_line(*row) for row in rows)
        )
    return "\n".join(made)


def _line(fact: Fact, value: Any) -> str:
    says = NOT_SAID if fact.says is None else _text(fact.says)
    shown = f"`{value}`" if fact.means is not None else _text(value)
    run = shown if same_number(fact, value) or fact.says is None else f"**{shown}**"
    why = f"guess: {fact.guess}" if fact.guess else fact.why
    return f"| {fact.what} | {says} | {run} | {_places(fact)} | {fact.where} | {why} |\n"


def _places(fact: Fact) -> str:
    if fact.counts:
        return f"release of `{fact.counts}`: {_product(fact.release)} ({fact.by})"
    if fact.built:
        return f"parts of the network: `{fact.built}`"
    if fact.drawn:
        return f"pictures x `da2.data.train.{fact.drawn}.weight`, of all"
    if fact.pictures:
        return "published numbers of " + ", ".join(f"`{split}`" for split in fact.pictures)
    if fact.code:
        return f"constant `{fact.code}`"
    return " x ".join(f"`{p}`" for p in fact.times) or ", ".join(f"`{p}`" for p in fact.ours)


def _product(release: Sequence[int | tuple[int, ...]]) -> str:
    factors = [f"({' + '.join(map(_text, f))})" if isinstance(f, tuple) else _text(f)
               for f in release]  # fmt: skip
    return " x ".join(factors)


def _text(number: Any) -> str:
    if isinstance(number, Sequence) and not isinstance(number, str):
        words = any(isinstance(part, str) for part in number)
        return (", " if words else " x ").join(_text(part) for part in number)
    if isinstance(number, int) and number >= 10_000:
        return f"{number:,}"
    return f"{number:g}" if isinstance(number, float) else str(number)
