"""Are the overrides of the claims spelt right? Each key is there already, or something takes it."""

import inspect
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from experiments.pipeline import params
from experiments.pipeline.closure.stages import commands
from experiments.study.claims import Arm, ClaimsError, Scale, Study
from experiments.study.values import applied, base_values, layers
from pano_data import ErpDataModule

# Keys that a section may have without stating them, and that no class_path tells of.
UNSTATED = {"worlds.*.surroundings", "dap_curate.seed"}
TAKERS: dict[str, type] = {"trainer": Trainer, "data": ErpDataModule}


def check_study(study: Study, root: Path, scales: Iterable[str] | None = None) -> None:
    """Check the overrides of every arm at every scale.

    Args:
        study: The claims.
        root: Folder of dvc.yaml and the values files.
        scales: Names of scales; all if None.

    Raises:
        ClaimsError: A key is nowhere in its section and no argument of its class; a target is no
            stage; a test set is unknown; an arm that decides a claim misses a scale.
        ParamsError: A key is taken out that is not there.
    """
    for name in scales or study.scales:
        scale = study.scale(name)
        for arm in study.arms.values():
            if arm.at(name):
                check_arm(study, scale, arm, root)
        datasets = params.resolved(base_values(scale, root), "datasets")
        for claim in study.claims.values():
            unknown = sorted(d for d in claim.test if "test" not in (datasets.get(d) or {}))
            if unknown:
                raise ClaimsError(
                    f"claims.{claim.name}: got test sets {unknown}, expected some of "
                    f"{sorted(datasets)} with rows `test`"
                )


def check_arm(study: Study, scale: Scale, arm: Arm, root: Path) -> None:
    """Check the overrides of one arm at one scale; see `check_study`."""
    sections = base_values(scale, root)
    for layer in layers(study, scale, arm, scale.seeds[0], sections):
        for name, over in layer.items():
            if name not in sections:
                raise ClaimsError(
                    f"arm {arm.name}: got section {name!r}, expected one of {sorted(sections)}"
                )
            base = params.resolved(sections, name)
            if "model" in base:
                base = params.merged(params.resolved(sections, "common"), base)
            check_keys(over, base, name)
            sections[name] = applied(sections, name, over)
    stages = {command.name for command in commands(root, sections)}
    if arm.target not in stages:
        raise ClaimsError(
            f"arm {arm.name}: got target {arm.target!r}, expected one of {sorted(stages)}"
        )
    if arm.section not in sections:
        raise ClaimsError(f"arm {arm.name}: got section {arm.section!r}, which is not there")


def check_keys(over: Mapping[str, Any], base: Mapping[str, Any], at: str) -> None:
    """Check one mapping of an override.

    Raises:
        ClaimsError: A key is neither in `base` nor an argument of the class that takes it.
    """
    if "class_path" in over and over["class_path"] != base.get("class_path"):
        _check_arguments(over["class_path"], over.get("init_args", {}), at)
        return
    for key, value in over.items():
        here = f"{at}.{key}"
        if key not in base:
            _check_unstated(key, base, here)
        elif isinstance(value, Mapping) and isinstance(base[key], Mapping):
            below = base[key]
            if key == "init_args" and "class_path" in base:
                unstated = {k: v for k, v in value.items() if k not in below}
                _check_arguments(base["class_path"], unstated, at)
                below = {**unstated, **below}
            check_keys(value, below, here)


def _check_unstated(key: str, base: Mapping[str, Any], here: str) -> None:
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


def _check_arguments(class_path: str, init_args: Mapping[str, Any], at: str) -> None:
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
