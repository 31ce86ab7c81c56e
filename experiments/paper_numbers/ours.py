"""The numbers that a values file states, by place."""

import importlib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from math import prod
from pathlib import Path
from typing import Any

from experiments.paper_numbers.facts import Fact, FactError
from experiments.pipeline import params
from pano_data import datasets

COUNTS = "counts:"
"""Before `<data set>/<split>`: how many pictures its reader expects."""
PAPERS = ("da2", "dap", "depth_anywhere")
MACHINE = (
    "*.threads", "*.num_workers", "*.checkpoint_every", "*.log_every_n_steps",
    "*.num_sanity_val_steps", "*.val_check_interval", "*.check_val_every_n_epoch",
    "*.eval_batch_size", "*.seed", "*.seed_everything", "*.panels", "*.num_nodes",
    "dap_label*.batch_size", "dap_curate.batch_size",
)  # fmt: skip
"""Places of what no paper counts: machines, seeds, how often something is written."""


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


def ours(fact: Fact, numbers: Mapping[str, Any]) -> Any:
    """Return our number for a fact.

    Raises:
        FactError: A place does not exist, or places that should agree do not.
    """
    if fact.run:
        return fact.run
    if fact.times:
        return prod(_only(fact, place, numbers) for place in fact.times)
    if fact.ours[0].startswith(COUNTS):
        name, split = fact.ours[0].removeprefix(COUNTS).split("/")
        return datasets.get(name).counts[split]
    if ":" in fact.ours[0]:
        return _attribute(fact.ours[0])
    found = {str(value := _only(fact, place, numbers)): value for place in fact.ours}
    if len(found) > 1:
        raise FactError(f"{fact.what}: got {sorted(found)} at {fact.ours}, expected one number")
    return found.popitem()[1]


def _only(fact: Fact, place: str, numbers: Mapping[str, Any]) -> Any:
    found = {at: numbers[at] for at in matching(place, numbers)}
    if len({str(value) for value in found.values()}) != 1:
        raise FactError(f"{fact.what}: got {found} at {place}, expected one number")
    return found.popitem()[1]


def matching(place: str, numbers: Mapping[str, Any]) -> list[str]:
    """Return the places of `numbers` that a glob names."""
    return [at for at in numbers if fnmatchcase(at, place)]


def _attribute(place: str) -> Any:
    module, _, path = place.partition(":")
    value: Any = importlib.import_module(module)
    for name in path.split("."):
        value = value[name] if isinstance(value, Mapping) else getattr(value, name)
    return value


def unnamed(facts: Mapping[str, tuple[Fact, ...]], numbers: Mapping[str, Any]) -> list[str]:
    """Return the places of numbers that no fact names."""
    named = [p for entries in facts.values() for fact in entries for p in fact.ours + fact.times]
    covered = {at for place in (*named, *MACHINE) for at in matching(place, numbers)}
    return [at for at in numbers if at not in covered]
