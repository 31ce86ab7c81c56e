"""The values of one run: a values file with what its scale, its arm and its seed change."""

import inspect
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml
from lightning.pytorch import Trainer

from experiments.pipeline import params
from experiments.study.claims import Arm, ClaimsError, Scale, Study
from pano_data import ErpDataModule

# Keys that a section may have without stating them in params.yaml, and that no class_path tells of.
UNSTATED = {"worlds.*.surroundings", "dap_curate.seed"}
TAKERS: dict[str, type] = {"trainer": Trainer, "data": ErpDataModule}


def values_of(study: Study, scale: Scale, arm: Arm | None, seed: int, root: Path) -> dict[str, Any]:
    """Return all sections of the values file of a run.

    Args:
        study: The claims.
        scale: How much is trained.
        arm: What differs; None for the values that all arms of the scale start from, whose seed is
            that of the values file.
        seed: Of the run.
        root: Folder of the values files.

    Raises:
        ClaimsError: A key of an override is nowhere in the section and no argument of its class.
        ParamsError: A key is taken out that is not there.
    """
    sections = params.read_params(root / scale.values)
    layers = [scale.set]
    if arm is not None:
        layers += [arm.set, arm.set_at.get(scale.name, {}), *_seeds(study, sections, seed)]
    for layer in layers:
        for name, over in layer.items():
            sections[name] = _applied(sections, name, over)
    return sections


def base_values(scale: Scale, root: Path) -> dict[str, Any]:
    """Return the sections of a scale's values file as the pipeline itself has them."""
    return params.read_params(root / scale.values)


def _seeds(study: Study, sections: Mapping[str, Any], seed: int) -> Iterator[dict[str, Any]]:
    for place in study.seed_places:
        first, *keys = place.split(".")
        if first not in sections:
            continue
        node: Any = seed
        for key in reversed(keys):
            node = {key: node}
        yield {first: node}


def _applied(sections: Mapping[str, Any], name: str, over: Mapping[str, Any]) -> Any:
    if name not in sections:
        raise ClaimsError(f"got section {name!r}, expected one of {sorted(sections)}")
    resolved = params.resolved(sections, name)
    common = params.resolved(sections, "common") if "model" in resolved else {}
    over = check(over, params.merged(common, resolved), name)
    return params.merged(resolved, over, name)


def check(over: Mapping[str, Any], base: Mapping[str, Any], at: str) -> dict[str, Any]:
    """Return an override with the `init_args` that another class keeps.

    Raises:
        ClaimsError: A key is neither in `base` nor an argument of the class that takes it.
    """
    found: dict[str, Any] = dict(over)
    if "class_path" in over and over["class_path"] != base.get("class_path"):
        _accepts(over["class_path"], over.get("init_args", {}), at)
        if "init_args" not in over and "init_args" in base:
            found["init_args"] = base["init_args"]
        return found
    for key, value in over.items():
        here = f"{at}.{key}"
        if key not in base:
            _argument(key, base, here)
        elif isinstance(value, Mapping) and isinstance(base[key], Mapping):
            below = base[key]
            if key == "init_args" and "class_path" in base:
                _accepts(base["class_path"], {k: v for k, v in value.items() if k not in below}, at)
                below = {**dict.fromkeys(value), **below}
            found[key] = check(value, below, here)
    return found


def _argument(key: str, base: Mapping[str, Any], here: str) -> None:
    """Accept a key that is not stated, where something takes it."""
    parts = here.split(".")
    if any(_fits(parts, pattern.split(".")) for pattern in UNSTATED):
        return
    if len(parts) == 3 and key in arguments(TAKERS.get(parts[1], object)):
        return
    if key == "init_args" and "class_path" in base:
        return
    raise ClaimsError(f"got key {here}, expected one of {sorted(map(str, base))}")


def _fits(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(
        wanted in ("*", part) for part, wanted in zip(parts, pattern, strict=True)
    )


def _accepts(class_path: str, init_args: Mapping[str, Any], at: str) -> None:
    module, _, name = class_path.rpartition(".")
    try:
        taker = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ClaimsError(f"{at}: got class_path {class_path!r}: {error}") from error
    unknown = sorted(set(init_args) - arguments(taker))
    if unknown:
        raise ClaimsError(
            f"{at}.init_args: got {unknown}, expected arguments of {class_path}: "
            f"{sorted(arguments(taker))}"
        )


def arguments(taker: type) -> set[str]:
    """Return the names of the arguments of a class, those it hands on to its parents included."""
    found: set[str] = set()
    for parent in inspect.getmro(taker):
        if "__init__" not in vars(parent):
            continue
        own = inspect.signature(vars(parent)["__init__"]).parameters.values()
        found |= {p.name for p in own if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if not any(p.kind is p.VAR_KEYWORD for p in own):
            break
    return found - {"self"}


def write_values(sections: Mapping[str, Any], path: Path) -> None:
    """Write a values file that stands for itself."""
    path.write_text(yaml.dump(dict(sections), Dumper=Plain, sort_keys=False, allow_unicode=True))


class Plain(yaml.SafeDumper):
    """Writes what is shared out in full."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write no alias."""
        return True
