"""params.yaml, the only values file: one section a stage.

A section may take over others and state only what differs: `extends: NAME` or `extends: [NAME, NAME]`,
the later over the earlier, the section's own keys over all. Mappings are merged key by key; anything
else is replaced, and so is a mapping that names another `class_path` (its `init_args` fit another
signature). A stage of dvc.yaml lists every section that its own extends, else it would not rerun.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

PARAMS_FILE = Path("params.yaml")
EXTENDS = "extends"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, ten times as fast


class ParamsError(ValueError):
    """params.yaml is missing, unreadable, has no such section, or its `extends` runs in a circle."""


def read_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """All sections of the values file, as they are written.

    Raises:
        ParamsError: The file is missing or is not a mapping of sections.
    """
    try:
        sections = yaml.load(path.read_text(), Loader=_LOADER)
    except FileNotFoundError:
        raise ParamsError(
            f"got no {path} in {Path.cwd()}, expected the root of a clone; change into it"
        ) from None
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(sections, dict):
        raise ParamsError(
            f"{path} holds a {type(sections).__name__}, expected sections (a mapping)"
        )
    return sections


def section(name: str, path: Path = PARAMS_FILE) -> dict[str, Any]:
    """One section with everything it extends, empty if it is written without content.

    Raises:
        ParamsError: There is no such section (the message lists those that exist), or it extends
            itself.
    """
    sections = read_params(path)
    result: dict[str, Any] = {}
    for part in _lineage(name, sections, path, ()):
        own = sections[part] or {}
        result = merged(result, {k: v for k, v in own.items() if k != EXTENDS})
    return result


def section_text(name: str, path: Path = PARAMS_FILE) -> str:
    """A section as YAML text, which jsonargparse takes where it takes a config file."""
    return yaml.safe_dump(section(name, path), sort_keys=False)


def lineage(name: str, path: Path = PARAMS_FILE) -> list[str]:
    """The sections that make up `name`, each before those that go over it; `name` is the last.

    Raises:
        ParamsError: A section does not exist, or extends itself.
    """
    return _lineage(name, read_params(path), path, ())


def _lineage(
    name: str, sections: Mapping[str, Any], path: Path, below: tuple[str, ...]
) -> list[str]:
    if name in below:
        raise ParamsError(
            f"section {name!r} of {path} extends itself: {' -> '.join((*below, name))}"
        )
    if name not in sections:
        asked = f", which {below[-1]!r} extends" if below else ""
        raise ParamsError(
            f"got section {name!r}{asked}, expected one of {sorted(sections)} in {path}"
        )
    own = sections[name]
    parents = (own or {}).get(EXTENDS, []) if isinstance(own, Mapping | None) else []
    names = [parents] if isinstance(parents, str) else list(parents)
    found = [n for parent in names for n in _lineage(parent, sections, path, (*below, name))]
    return [*dict.fromkeys(found), name]


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`; see the module for the rule. Neither is changed."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping) and _same_class(below, value):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def _same_class(base: Mapping[str, Any], over: Mapping[str, Any]) -> bool:
    return bool(over.get("class_path", base.get("class_path")) == base.get("class_path"))
