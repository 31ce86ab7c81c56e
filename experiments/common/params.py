"""params.yaml, the only values file: one section a stage."""

from pathlib import Path
from typing import Any

import yaml

PARAMS_FILE = Path("params.yaml")


class ParamsError(ValueError):
    """params.yaml is missing, unreadable, or has no such section."""


def read_params(path: Path = PARAMS_FILE) -> dict[str, Any]:
    """All sections of the values file.

    Raises:
        ParamsError: The file is missing or is not a mapping of sections.
    """
    try:
        sections = yaml.safe_load(path.read_text())
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
    """One section, empty if it is written without content.

    Raises:
        ParamsError: There is no such section; the message lists those that exist.
    """
    sections = read_params(path)
    if name not in sections:
        raise ParamsError(f"got section {name!r}, expected one of {sorted(sections)} in {path}")
    return sections[name] or {}


def section_text(name: str, path: Path = PARAMS_FILE) -> str:
    """A section as YAML text, which jsonargparse takes where it takes a config file."""
    return yaml.safe_dump(section(name, path), sort_keys=False)
