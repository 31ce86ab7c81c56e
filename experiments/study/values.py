"""The values of one run: a values file with what its scale, its arm and its seed change."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from experiments.pipeline import params
from experiments.study.claims import Arm, ClaimsError, Scale, Study

Sections = dict[str, Any]


def base_values(scale: Scale, root: Path) -> Sections:
    """Return the sections of a scale's values file as the pipeline itself has them."""
    return params.read_params(root / scale.values)


def values_of(
    study: Study,
    scale: Scale,
    arm: Arm,
    seed: int,
    root: Path,
    base: Mapping[str, Any] | None = None,
) -> Sections:
    """Return all sections of the values file of a run.

    Args:
        study: The claims.
        scale: How much is trained.
        arm: What differs.
        seed: Of the run.
        root: Folder of the values files.
        base: What `base_values` gives, where it has been read before; it is not changed.

    Raises:
        ClaimsError: An override names a section that is not there.
        ParamsError: A key is taken out that is not there.
    """
    sections = base_values(scale, root) if base is None else dict(base)
    for layer in layers(study, scale, arm, seed, sections):
        for name, over in layer.items():
            sections[name] = applied(sections, name, over)
    return sections


def layers(
    study: Study, scale: Scale, arm: Arm, seed: int, sections: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield what goes over the values file: of the scale, of the arm, of the seed."""
    yield scale.set
    yield arm.set
    yield arm.set_at.get(scale.name, {})
    for place in study.seed_places:
        first, *keys = place.split(".")
        if first in sections:
            node: Any = seed
            for key in reversed(keys):
                node = {key: node}
            yield {first: node}


def applied(sections: Mapping[str, Any], name: str, over: Mapping[str, Any]) -> Sections:
    """Return a section, with everything it extends, under an override.

    Raises:
        ClaimsError: There is no such section.
        ParamsError: See `params.merged`.
    """
    if name not in sections:
        raise ClaimsError(f"got section {name!r}, expected one of {sorted(sections)}")
    section = params.resolved(sections, name)
    return params.merged(section, with_kept_arguments(over, section), name)


def with_kept_arguments(over: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return an override whose classes keep the `init_args` there, where they state none."""
    found = dict(over)
    other = "class_path" in over and over["class_path"] != base.get("class_path")
    if other and "init_args" not in over and "init_args" in base:
        found["init_args"] = base["init_args"]
    for key, value in over.items():
        below = base.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            found[key] = with_kept_arguments(value, below)
    return found


def write_values(sections: Mapping[str, Any], path: Path) -> None:
    """Write a values file that stands for itself."""
    path.write_text(yaml.dump(dict(sections), Dumper=_Plain, sort_keys=False, allow_unicode=True))


class _Plain(yaml.SafeDumper):
    """Writes what is shared out in full."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
