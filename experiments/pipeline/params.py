"""params.yaml, the only values file: one section per stage.

`extends: PLACE` in any mapping takes over the mapping at PLACE and states only what differs. A
place is a section (`extends: indoor`) or something inside one (`extends: datasets.zind.train`),
counted from the top of the file; of several, `extends: [A, B]`, the later goes over the earlier.

Mappings are merged key by key. Anything else is replaced, and so is a mapping that names another
`class_path` (its `init_args` fit another signature) or says itself what it extends.

A file that begins with `extends: params.yaml` is an overlay: it states only what differs from that
file. There, `key: !delete` takes a key out, and `key: !replace {...}` merges nothing. DVC reads
params.yaml alone: `python -m experiments.pipeline.overlay` writes an overlay into it.

A stage of dvc.yaml lists every place that its section takes over, else it would not rerun.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PARAMS_FILE = Path("params.yaml")
EXTENDS = "extends"
DATASETS = "datasets"


class ParamsError(ValueError):
    """A values file is missing or unreadable, or names a section or a place that is not there."""


class _Delete:
    """`!delete` in an overlay."""


@dataclass(frozen=True)
class _Replace:
    """`!replace` in an overlay.

    Attributes:
        value: What stands in the place of everything that was there.
    """

    value: Any


# The C loader reads the same, ten times as fast.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML with the two tags of an overlay."""


def _replace(loader: Any, node: yaml.Node) -> _Replace:
    if isinstance(node, yaml.MappingNode):
        return _Replace(loader.construct_mapping(node, deep=True))
    if isinstance(node, yaml.SequenceNode):
        return _Replace(loader.construct_sequence(node, deep=True))
    return _Replace(yaml.load(node.value, Loader=_Loader))


_Loader.add_constructor("!delete", lambda *_: _Delete())
_Loader.add_constructor("!replace", _replace)


def parse(text: str) -> Any:
    """Return what YAML text says, `!delete` and `!replace` as `merged` takes them."""
    return yaml.load(text, Loader=_Loader)


def read_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Read all sections of a values file; of an overlay, over those of the file it extends.

    Raises:
        ParamsError: The file is missing or is not a mapping of sections.
    """
    sections = _read(path, ())
    _refuse_tags(sections, "")
    return sections


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    try:
        written = yaml.load(path.read_text(), Loader=_Loader)
    except FileNotFoundError:
        raise ParamsError(
            f"got no {path} in {Path.cwd()}, expected the root of a clone; change into it"
        ) from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(written, dict):
        raise ParamsError(f"{path} holds a {type(written).__name__}, expected sections (a mapping)")
    below = written.pop(EXTENDS, None)
    if below is None:
        return written
    if not isinstance(below, str):
        raise ParamsError(f"{path}, {EXTENDS}: got {below!r}, expected the name of a values file")
    if path.resolve() in above:
        raise ParamsError(
            f"{path} extends itself; bring it back (git restore {path}), then apply an overlay by "
            "python -m experiments.pipeline.overlay FILE"
        )
    base = _read(path.with_name(below), (*above, path.resolve()))
    return merged(base, written)


def _refuse_tags(node: Any, at: str) -> None:
    """Raise where a tag of an overlay is left: it stands over nothing."""
    if isinstance(node, _Delete | _Replace):
        tag = "!delete" if isinstance(node, _Delete) else "!replace"
        raise ParamsError(f"{at}: got {tag}, expected it over a key of the file that is extended")
    if isinstance(node, Mapping):
        for key, value in node.items():
            _refuse_tags(value, f"{at}.{key}" if at else str(key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            _refuse_tags(item, f"{at}.{index}")


def section(name: str, path: Path = PARAMS_FILE) -> dict[str, Any]:
    """Return one section with everything it extends, empty if it is written without content.

    Raises:
        ParamsError: There is no such section (the message lists those that exist), or it extends
            itself or a place that is not there.
    """
    return _Resolver(read_params(path), path).section(name)


def resolved(sections: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return one of the sections that `read_params` gave, with everything it extends.

    Raises:
        ParamsError: See `section`.
    """
    return _Resolver(sections, PARAMS_FILE).section(name)


def section_text(name: str, path: Path = PARAMS_FILE) -> str:
    """Return a section as YAML text, which jsonargparse takes where it takes a config file."""
    return yaml.safe_dump(section(name, path), sort_keys=False)


def lineage(name: str, path: Path = PARAMS_FILE) -> list[str]:
    """List the places that make up a section, each before those that go over it; `name` is last.

    Raises:
        ParamsError: A place does not exist, or extends itself.
    """
    resolver = _Resolver(read_params(path), path)
    resolver.section(name)
    return [*dict.fromkeys(resolver.taken), name]


def reader_options(path: Path = PARAMS_FILE) -> dict[str, dict[str, Any]]:
    """Return `datasets.<id>.options` of every data set that states any.

    Raises:
        ParamsError: `datasets`, one of its entries or its options are no mapping.
    """
    if DATASETS not in read_params(path):
        return {}
    found = {}
    for name, entry in section(DATASETS, path).items():
        options = entry.get("options") if isinstance(entry, Mapping) else entry
        if not isinstance(options, Mapping | None):
            place = (
                f"{DATASETS}.{name}.options" if isinstance(entry, Mapping) else f"{DATASETS}.{name}"
            )
            raise ParamsError(f"{place}: got {options!r}, expected a mapping")
        if options:
            found[name] = dict(options)
    return found


class _Resolver:
    """Sections of one file; notes the places that were taken over."""

    def __init__(self, sections: Mapping[str, Any], path: Path) -> None:
        self.sections = sections
        self.path = path
        self.taken: list[str] = []

    def section(self, name: str) -> dict[str, Any]:
        if name not in self.sections:
            raise ParamsError(
                f"got section {name!r}, expected one of {sorted(self.sections)} in {self.path}"
            )
        found = self._resolved(self.sections[name], name, (name,))
        if not isinstance(found, dict | None):
            raise ParamsError(f"section {name!r} of {self.path}: got {found!r}, expected a mapping")
        return found or {}

    def _resolved(self, node: Any, at: str, below: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [self._resolved(item, f"{at}.{i}", below) for i, item in enumerate(node)]
        if not isinstance(node, Mapping):
            return node
        result: dict[str, Any] = {}
        for place in self._parents(node, at):
            result = merged(result, self._place(place, at, below), at)
        own = {k: v for k, v in node.items() if k != EXTENDS}
        result = merged(result, own, at, " and ".join(self._parents(node, at)))
        return {k: self._resolved(v, f"{at}.{k}", below) for k, v in result.items()}

    def _parents(self, node: Mapping[str, Any], at: str) -> list[str]:
        parents = node.get(EXTENDS) or []
        names = [parents] if isinstance(parents, str) else parents
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            raise ParamsError(
                f"{at}.{EXTENDS}: got {parents!r}, expected the name of a section or a place"
            )
        return names

    def _place(self, place: str, at: str, below: tuple[str, ...]) -> dict[str, Any]:
        if place in below:
            circle = " -> ".join((*below, place))
            raise ParamsError(f"section {below[0]!r} of {self.path} extends itself: {circle}")
        node: Any = self.sections
        for key in place.split("."):
            if not isinstance(node, Mapping) or key not in node:
                there = sorted(map(str, node)) if isinstance(node, Mapping) else "a mapping"
                raise ParamsError(
                    f"got {place!r}, which {at!r} extends: no {key!r} there, expected one of "
                    f"{there}"
                )
            node = node[key]
        if not isinstance(node, Mapping | None):
            raise ParamsError(f"{place}: got {node!r}, expected a mapping: {at!r} extends it")
        found: dict[str, Any] = self._resolved(node or {}, place, (*below, place))
        self.taken.append(place)
        return found


def merged(
    base: Mapping[str, Any], over: Mapping[str, Any], at: str = "", base_at: str = ""
) -> dict[str, Any]:
    """Put `over` on top of `base`; see the module for the rule. Neither is changed.

    Args:
        base: What is taken over.
        over: What differs.
        at: Place of `over`, for messages.
        base_at: Place of `base`, if it is another.

    Raises:
        ParamsError: A key to delete is not there, or keys are stated below what is no mapping.
    """
    result = dict(base)
    for key, value in over.items():
        here = f"{at}.{key}" if at else str(key)
        below = result.get(key)
        if isinstance(value, _Delete):
            if key not in result:
                raise ParamsError(f"{here}: got !delete, expected one of {sorted(result)}")
            del result[key]
        elif isinstance(value, _Replace):
            result[key] = value.value
        elif isinstance(value, Mapping) and isinstance(below, Mapping) and _adds(below, value):
            result[key] = merged(below, value, here, f"{base_at}.{key}" if base_at else "")
        elif isinstance(value, Mapping) and not isinstance(below, Mapping | None):
            if "class_path" not in value and EXTENDS not in value:
                place = f"{base_at}.{key}" if base_at else here
                raise ParamsError(
                    f"{place}: got {below!r}, expected a mapping: {here} states "
                    f"{', '.join(map(str, value))} over it"
                )
            result[key] = value
        else:
            result[key] = value
    return result


def _adds(base: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    """Tell whether a mapping states what differs in another, instead of taking its place."""
    same_class = over.get("class_path", base.get("class_path")) == base.get("class_path")
    return EXTENDS not in over and same_class
