"""What it takes to score an arm with a seed: stages of dvc.yaml, each in a folder of its own.

A stage is named by what determines its result: its command, its sections under the values of the
run, and the stages whose products it reads. So arms share what they have in common (a labeler, a
curated set), and what an arm changes is made anew, beside the data of the pipeline. Stages without
a change, before the first that has one, are the pipeline's own: their products are linked.

Trainings are always the study's own. Code does not count for the name: a study outlasts commits.
What code a training ran is noted with it, and trainings of different code are not compared.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from experiments.pipeline import params
from experiments.pipeline.closure.stages import Command, commands
from experiments.study.claims import Arm, ClaimsError, Scale, Study
from experiments.study.values import Sections, base_values, values_of

EVALUATE = "experiments.benchmark.evaluate.stage"
SCORES = "reports/scores"
TRAINED = "runs/"


@dataclass(frozen=True, eq=False)
class Step:
    """One command of a run.

    Attributes:
        name: Name of the stage.
        key: Twelve hex digits that name its result.
        words: Module and arguments.
        outputs: Paths that it writes, below its folder.
        before: Steps whose products it reads, and theirs, each once, first ones first.
        linked: Products of the pipeline that must be there.
        values: All sections of the run's values file.
        trains: Section of the training; empty for any other stage.
    """

    name: str
    key: str
    words: tuple[str, ...]
    outputs: tuple[str, ...]
    before: tuple["Step", ...]
    linked: tuple[str, ...]
    values: Mapping[str, Any]
    trains: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.folder == other.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return f"{self.name.replace('@', '-')}-{self.key}"

    @property
    def chain(self) -> tuple["Step", ...]:
        """All steps that lead to its result, itself last."""
        return (*self.before, self)


@dataclass(frozen=True)
class StudyRun:
    """An arm with a seed.

    Attributes:
        arm: The arm.
        seed: The seed.
        last: Its evaluation, which everything else comes before.
    """

    arm: Arm
    seed: int
    last: Step

    @property
    def name(self) -> str:
        """Name in messages and in MLflow."""
        return f"{self.arm.name} s{self.seed}"

    @property
    def scores(self) -> Path:
        """Folder of its scores, below that of the last step."""
        return Path(self.last.folder) / SCORES / self.arm.section

    @property
    def trained(self) -> Step:
        """The training of the network that is scored."""
        return next(s for s in reversed(self.last.before) if s.trains == self.arm.section)


class ResolvedSections:
    """The places of a values file, each section with what it extends, put together once.

    Args:
        sections: As `params.read_params` gives them.
    """

    def __init__(self, sections: Mapping[str, Any]) -> None:
        self.sections = sections
        self._section = cache(lambda name: params.resolved(sections, name))

    def at(self, name: str, default: Any = ...) -> Any:
        """Return a section, or what stands at `section.key`.

        Raises:
            ParamsError: There is none, and no default.
        """
        first, *keys = name.split(".")
        if default is None and first not in self.sections:
            return None
        found: Any = self._section(first)
        for key in keys:
            if not isinstance(found, Mapping) or key not in found:
                if default is None:
                    return None
                raise params.ParamsError(
                    f"got {name!r}, which a stage of dvc.yaml reads: not there"
                )
            found = found[key]
        return found


def plan(
    study: Study,
    scale: Scale,
    arm: Arm,
    seed: int,
    root: Path,
    usual: ResolvedSections | None = None,
) -> StudyRun:
    """Plan the run of an arm with a seed.

    Args:
        study: The claims.
        scale: How much is trained.
        arm: The arm.
        seed: The seed.
        root: Folder of dvc.yaml and the values files.
        usual: The values of the scale as the pipeline has them, where they have been read before.

    Raises:
        ClaimsError: The target is no stage of dvc.yaml under these values.
    """
    usual = usual or ResolvedSections(base_values(scale, root))
    values = values_of(study, scale, arm, seed, root, usual.sections)
    stages = list(commands(root, values))
    planner = _Planner(values, usual, stages)
    target = next((stage for stage in stages if stage.name == arm.target), None)
    if target is None:
        raise ClaimsError(f"arm {arm.name}: got target {arm.target!r}, no stage of dvc.yaml")
    trained = planner.step(target)
    assert trained is not None
    return StudyRun(
        arm, seed, planner.evaluation(trained, arm.section, _evaluate(study, values, arm))
    )


def runs(study: Study, scale: Scale, arms: Sequence[Arm], root: Path) -> Iterator[StudyRun]:
    """Plan all runs, the first seed of every arm before the second of any."""
    usual = ResolvedSections(base_values(scale, root))
    for seed in scale.seeds:
        for arm in arms:
            yield plan(study, scale, arm, seed, root, usual)


def _evaluate(study: Study, values: Sections, arm: Arm) -> dict[str, Any]:
    """Return the section `evaluate` of an arm: all that any claim wants of it."""
    claims = [c for c in study.claims.values() if arm.name in c.all_arms]
    datasets = params.resolved(values, "datasets")
    tests = dict.fromkeys(d for c in claims for d in c.test)
    own = params.resolved(values, "evaluate")
    kept = {k: v for k, v in own.items() if k in ("size", "batch_size", "threads", "device")}
    return {
        "datasets": {name: datasets[name]["test"] for name in tests},
        "protocols": list(dict.fromkeys(c.protocol for c in claims)),
        **kept,
    }


class _Planner:
    """Plans the stages of one run."""

    def __init__(
        self, values: Sections, usual: ResolvedSections, stages: Sequence[Command]
    ) -> None:
        self.values, self.own, self.usual, self.stages = (
            values,
            ResolvedSections(values),
            usual,
            stages,
        )
        self._made: dict[str, Step | None] = {}

    def step(self, stage: Command) -> Step | None:
        """Return the step of a stage; None where the pipeline's own product serves."""
        if stage.name not in self._made:
            self._made[stage.name] = self._step(stage)
        return self._made[stage.name]

    def _step(self, stage: Command) -> Step | None:
        before, linked = self._inputs(stage.inputs)
        trains = any(path.startswith(TRAINED) for path in stage.writes)
        read = {name: self.own.at(name) for name in stage.sections}
        same = all(self.usual.at(name, None) == value for name, value in read.items())
        if same and not before and not trains:
            return None
        section = next((s for s in stage.sections[::-1] if f"{TRAINED}{s}" in stage.writes), "")
        made = tuple(dict.fromkeys(s for b in before for s in b.chain))
        key = _key(stage.module, stage.words, read, before)
        return Step(
            stage.name, key, (stage.module, *stage.words), stage.writes, made, linked,
            self.values, section if trains else "",
        )  # fmt: skip

    def _inputs(self, paths: Sequence[str]) -> tuple[list[Step], tuple[str, ...]]:
        before: list[Step] = []
        linked = []
        for path in paths:
            makers = [s for s in self.stages if any(overlaps(path, out) for out in s.writes)]
            steps = [(maker, self.step(maker)) for maker in makers]
            before += [step for _, step in steps if step is not None]
            linked += [out for maker, step in steps if step is None for out in maker.writes]
            linked += [] if makers else [path]
        return list(dict.fromkeys(before)), tuple(dict.fromkeys(linked))

    def evaluation(self, trained: Step, section: str, settings: Mapping[str, Any]) -> Step:
        """Return the step that scores a trained network."""
        manifests = [str(Path(d["manifest"]).parent) for d in settings["datasets"].values()]
        before, linked = self._inputs(manifests)
        before = [trained, *before]
        made = tuple(dict.fromkeys(s for b in before for s in b.chain))
        key = _key(EVALUATE, (section,), {"evaluate": settings}, before)
        values = {**self.values, "evaluate": dict(settings)}
        return Step(
            f"evaluate@{section}", key, (EVALUATE, section), (f"{SCORES}/{section}",), made,
            linked, values,
        )  # fmt: skip


def overlaps(one: str, other: str) -> bool:
    """Tell whether one path is the other, or lies below it."""
    return one == other or one.startswith(f"{other}/") or other.startswith(f"{one}/")


def _key(module: str, words: Sequence[str], read: Mapping[str, Any], before: Sequence[Step]) -> str:
    known = {
        "command": [module, *words],
        "values": read,
        "before": sorted(f"{s.name} {s.key}" for s in before),
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:12]
