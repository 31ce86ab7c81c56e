"""The stages of dvc.yaml and the files of ours that each of them runs."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from experiments.pipeline import overlay, params
from experiments.pipeline.closure.imports import BOX, Code
from experiments.pipeline.closure.values import NETWORKS, CodeInValues

PIPELINE = Path("dvc.yaml")
ON_DEMAND = {"train_teacher": ("depth_anywhere_teacher",)}
"""What a loop may be filled with that is empty in every values file: its code is listed all the
same."""
_CODE = re.compile(rf"(?!{BOX})(packages|experiments)/")
_FILLED_IN = re.compile(r"\$\{([\w.]+)\}")


class PipelineError(ValueError):
    """A stage of dvc.yaml starts something that is no module of ours."""


@dataclass(frozen=True)
class Command:
    """What one stage runs, loops filled in.

    Attributes:
        stage: Name in dvc.yaml; the stages of one loop share it, and their dependencies.
        item: What the loop stands at; empty without a loop.
        module: Module that `python -m` starts.
        words: Arguments of the command.
        sections: Sections of the values file that the stage lists as its `params`.
        reads: Files and folders that the stage lists as its `deps`, code included.
        writes: Files and folders that it makes: `outs` and `metrics`.
    """

    stage: str
    item: str
    module: str
    words: tuple[str, ...]
    sections: tuple[str, ...]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name that DVC gives the stage."""
        return f"{self.stage}@{self.item}" if self.item else self.stage

    @property
    def inputs(self) -> tuple[str, ...]:
        """What it reads without the code."""
        return tuple(place for place in self.reads if not _CODE.match(place))


def commands(root: Path, sections: Mapping[str, Any]) -> Iterator[Command]:
    """Yield what every stage runs under the sections of a values file.

    Raises:
        PipelineError: A command is not `python -m MODULE ...`.
    """
    stages = _stages((root / PIPELINE).read_text())
    for name, stage in stages.items():
        items = _items(stage.get("foreach", [""]), sections)
        items = items or [item for item in ON_DEMAND.get(name, ()) if item in sections]
        for item in items:
            filled = _filled(stage.get("do", stage), {**sections, "item": item, "key": item})
            words = str(filled["cmd"]).split()
            if words[:2] != ["python", "-m"]:
                raise PipelineError(
                    f"stage {name} of {PIPELINE}: got `{filled['cmd']}`, expected "
                    "`python -m MODULE ...`: the code behind it is found by its module"
                )
            listed = [p for p in filled.get("params", []) if isinstance(p, str)]
            reads = tuple(_paths(filled.get("deps", [])))
            writes = tuple(_paths([*filled.get("outs", []), *filled.get("metrics", [])]))
            yield Command(name, item, words[2], tuple(words[3:]), tuple(listed), reads, writes)


@cache
def _stages(text: str) -> Mapping[str, Any]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: Mapping[str, Any] = yaml.load(text, Loader=loader)["stages"]
    return found


def _paths(listed: Iterable[Any]) -> Iterator[str]:
    """Yield the places of `deps` or `outs`; one with settings of its own is a mapping."""
    for place in listed:
        yield from place if isinstance(place, Mapping) else [str(place)]


def _items(loop: Any, sections: Mapping[str, Any]) -> list[str]:
    found = _value(loop, sections) if isinstance(loop, str) else loop
    return [str(item) for item in found or []]


def _value(text: str, sections: Mapping[str, Any]) -> Any:
    value: Any = sections
    for key in text.removeprefix("${").removesuffix("}").split("."):
        value = value[key]
    return value


def _filled(node: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(node, Mapping):
        return {_filled(k, values): _filled(v, values) for k, v in node.items()}
    if isinstance(node, list):
        return [_filled(part, values) for part in node]
    if isinstance(node, str):
        return _FILLED_IN.sub(lambda match: str(_value(match[1], values)), node)
    return node


def modules_of(command: Command, named: CodeInValues) -> frozenset[str]:
    """Return all modules of ours that a command runs.

    They are what its module imports, what its sections name, and, if it can load networks at all,
    those of the models that its words and sections name.

    Raises:
        PipelineError: The module, or one that a section names, does not exist.
    """
    code = named.code
    read = [named.section(name) for name in named.leaves(command.sections)]
    entry = command.module
    entry = f"{entry}.__main__" if f"{entry}.__main__" in code.modules else entry
    if entry not in code.modules:
        raise PipelineError(
            f"stage {command.name} starts {command.module}, expected a module of the project"
        )
    modules = code.closure({entry} | named.names(read))
    if NETWORKS not in modules:
        return modules
    models = [word for word in command.words if word not in command.sections]
    return modules | code.closure(named.networks([read, models]))


def files_by_stage(code: Code, values: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the files behind each stage of dvc.yaml, whichever of the values files is in place.

    Raises:
        PipelineError: A command cannot be followed.
    """
    found: dict[str, set[str]] = {}
    for file in values:
        named = CodeInValues(code, file)
        written = overlay.with_alternatives(named.written, overlay.alternatives(named.written))
        for command in commands(code.root, written):
            found.setdefault(command.stage, set()).update(modules_of(command, named))
    return {stage: code.files(modules) for stage, modules in found.items()}


def values_files(root: Path) -> list[Path]:
    """Return params.yaml and its overlays."""
    return [root / params.PARAMS_FILE, *sorted(root.glob("params.*.yaml"))]
