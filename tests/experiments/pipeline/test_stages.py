"""dvc.yaml under both values files.

What a stage reads is its dependency, and something makes it.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from dvc.repo import Repo

from experiments.benchmark.suites.catalogue import SUITES
from experiments.pipeline import overlay, params

ROOT = Path(__file__).parents[3]
MADE = (
    "data/manifests/", "data/curated/", "data/outpainted/", "data/masked/", "data/pseudo/", "runs/",
)  # fmt: skip
TAKE_A_MODEL = {"experiments.benchmark.evaluate.stage": ["evaluate"], "experiments.box.pack": []}
"""Stages whose argument is the name of a model and no section -> sections that they read."""


class Stage(NamedTuple):
    name: str
    sections: list[str]  # that its command names
    deps: list[str]
    outs: list[str]
    params: list[str]


@pytest.fixture(
    scope="module",
    params=["params.yaml", "params.long.yaml", "params.paper.yaml", "params.paper.yaml released",
            "params.paper.yaml released outpainted"],
)  # fmt: skip
def values(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dvc.yaml and one of the values files, and alternatives, as its params.yaml."""
    folder = tmp_path_factory.mktemp("pipeline")
    shutil.copy(ROOT / "dvc.yaml", folder)
    name, *alternatives = request.param.split()
    (folder / "params.yaml").write_text(overlay.compose(ROOT / name, alternatives))
    return folder / "params.yaml"


@pytest.fixture(scope="module")
def stages(values: Path) -> list[Stage]:
    """All stages, as DVC itself reads them."""
    written = params.read_params(values)
    with Repo.init(str(values.parent), no_scm=True) as repo:
        repo.index.check_graph()
        return [_stage(stage, written) for stage in repo.index.stages]


def _stage(stage: Any, written: dict[str, Any]) -> Stage:
    words = stage.cmd.split()
    named = [w for w in words if w in written and not w.startswith("experiments.")]
    if words[-1] == "fit":
        named = [words[2].removeprefix("experiments.")]
    if words[2] in TAKE_A_MODEL:
        named = TAKE_A_MODEL[words[2]]
    files = [d for d in stage.deps if type(d).__name__ == "Dependency"]
    keys = [k for d in stage.deps if type(d).__name__ == "ParamsDependency" for k in d.params]
    return Stage(
        stage.name, named, [d.def_path for d in files], [o.def_path for o in stage.outs], keys
    )


def texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node


def lies_below(path: str, folders: list[str]) -> bool:
    return any(path == f or path.startswith(f"{f}/") for f in folders)


def test_values_of_every_stage_are_there(stages: list[Stage], values: Path) -> None:
    written = params.read_params(values)
    missing = {(s.name, k) for s in stages for k in s.params if not is_there(k, written)}
    assert sorted(missing) == []


def is_there(key: str, written: Any) -> bool:
    for part in key.split("."):
        if not isinstance(written, dict) or part not in written:
            return False
        written = written[part]
    return True


def is_listed(place: str, keys: list[str]) -> bool:
    return any(place == key or place.startswith(f"{key}.") for key in keys)


def test_a_stage_lists_every_place_that_its_sections_take_over(
    stages: list[Stage], values: Path
) -> None:
    """Else it does not run again when a value changes there."""
    forgotten = {
        (stage.name, place)
        for stage in stages
        for section in stage.sections
        for place in params.lineage(section, values)
        if not is_listed(place, stage.params)
    }
    assert sorted(forgotten) == []


def test_what_a_stage_reads_is_its_dependency(stages: list[Stage], values: Path) -> None:
    """Else it runs before what it reads is there, and not again when that changes."""
    forgotten = {
        (stage.name, text)
        for stage in stages
        for section in stage.sections
        for text in texts(params.section(section, values))
        if text.startswith(MADE) and not lies_below(text, [*stage.deps, *stage.outs])
    }
    assert sorted(forgotten) == []


def test_every_dependency_is_made_by_a_stage(stages: list[Stage]) -> None:
    outs = [out for stage in stages for out in stage.outs]
    orphans = {
        (stage.name, dep)
        for stage in stages
        for dep in stage.deps
        if dep.startswith(MADE)
        and not lies_below(dep, outs)
        and not any(lies_below(o, [dep]) for o in outs)
    }  # fmt: skip
    assert sorted(orphans) == []


def test_suites_run_again_when_one_of_their_sets_changes(stages: list[Stage]) -> None:
    deps = next(stage.deps for stage in stages if stage.name == "suites")
    sets = {part.dataset for suite in SUITES.values() for part in suite.datasets}
    made = {out for stage in stages for out in stage.outs if out.startswith("data/manifests/")}
    read = {out for out in made if out.rpartition("/")[2] in sets}
    assert len(read) >= 4
    assert [out for out in sorted(read) if not lies_below(out, deps)] == []
