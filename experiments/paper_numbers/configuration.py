"""What params.paper.yaml resolves to: its numbers and words, and the defaults of what it names."""

import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from experiments.pipeline import params

PAPERS = ("da2", "dap", "depth_anywhere")
MACHINE = (
    "*.threads", "*.num_workers", "*.checkpoint_every", "*.log_every_n_steps",
    "*.num_sanity_val_steps", "*.val_check_interval", "*.check_val_every_n_epoch",
    "*.eval_batch_size", "*.seed", "*.seed_everything", "*.panels", "*.num_nodes",
    "dap_label*.batch_size", "dap_curate.batch_size",
)  # fmt: skip
"""Places of what no paper counts: machines, seeds, how often something is written."""
CLASS = "class_path"


@dataclass(frozen=True)
class Configuration:
    """What stands at each place of the three papers' sections; trainings with `common` below.

    Places are without `init_args`; a list of numbers is one number.

    Attributes:
        numbers: That the file states.
        words: Texts, switches and nulls that it states.
        defaults: Options of classes that it names and leaves as they are.
        path: The values file.
    """

    numbers: Mapping[str, Any]
    words: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    path: Path = Path("params.paper.yaml")

    def at(self, place: str) -> dict[str, Any]:
        """Return what stands at the places that a glob names."""
        kinds = (self.defaults, self.words, self.numbers)
        return {a: v for kind in kinds for a, v in kind.items() if fnmatchcase(a, place)}


def read_configuration(path: Path) -> Configuration:
    """Read the sections of the three papers from a values file."""
    common = params.section("common", path)
    numbers: dict[str, Any] = {}
    words: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for name in params.read_params(path):
        if name.startswith(PAPERS):
            section = params.section(name, path)
            whole = params.merged(common, section) if "trainer" in section else section
            for at, value in _leaves(whole, name):
                (numbers if _is_numeric(value) else words)[at] = value
            defaults.update(_defaults(whole, name))
    return Configuration(numbers, words, defaults, path)


def _leaves(node: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _leaves(value, at if key == "init_args" else f"{at}.{key}")
    elif isinstance(node, list) and not _is_numeric(node):
        for index, value in enumerate(node):
            yield from _leaves(value, f"{at}.{index}")
    else:
        yield at, node


def _defaults(node: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Yield the options that the classes of a section have and it does not state."""
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from _defaults(value, f"{at}.{index}")
    if not isinstance(node, Mapping):
        return
    if isinstance(node.get(CLASS), str):
        stated = node.get("init_args") or {}
        for name, value in _options(node[CLASS]).items():
            if name not in stated:
                yield f"{at}.{name}", value
    for key, value in node.items():
        yield from _defaults(value, at if key == "init_args" else f"{at}.{key}")


@cache
def _options(class_path: str) -> dict[str, Any]:
    module, name = class_path.rsplit(".", 1)
    signature = inspect.signature(getattr(importlib.import_module(module), name))
    given = {p.name: p.default for p in signature.parameters.values()}
    return {name: _plain(value) for name, value in given.items() if value is not signature.empty}


def _plain(default: Any) -> Any:
    """Return a default as a values file would state it; a function by its path."""
    if inspect.isfunction(default):
        return f"{default.__module__}.{default.__qualname__}"
    return list(default) if isinstance(default, tuple) else default


def _is_numeric(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_numeric, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def constant(place: str) -> Any:
    """Return the constant at `module:attribute.key`.

    Raises:
        AttributeError: It is not there.
        KeyError: It is not there.
    """
    module, _, path = place.partition(":")
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        value = value[part] if isinstance(value, Mapping) else getattr(value, part)
    return list(value) if isinstance(value, tuple) else value


@cache
def parts(path: Path, place: str) -> int:
    """Return how many parts a list of modules has in the network that a section builds.

    Args:
        path: Values file.
        place: `section.path of the list in the network`.
    """
    from experiments.estimate.trainings import build

    section, _, inside = place.partition(".")
    network = build(params.section(section, path)["model"]["init_args"]["net"])
    found: Any = network.get_submodule(inside)
    return len(found)
