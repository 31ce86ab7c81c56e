"""The code that each stage of dvc.yaml lists is what it runs.

Nothing is missing, nothing too much.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.pipeline.closure import dvc_yaml
from experiments.pipeline.closure.digest import code
from experiments.pipeline.closure.dvc_yaml import edits, stages_with, table
from experiments.pipeline.closure.stages import PipelineError, commands, modules_of
from experiments.pipeline.closure.values import CodeInValues
from tests.experiments import tiny

TEXT = """stages:
  one:
    foreach: [a]
    do:
      deps:
        - data/x
        - packages/a/src
      outs:
        - y
  two:
    deps:
      - experiments/old.py
      - data/z # why
"""
CODE = {"one": ["packages/b"], "two": ["experiments/new.py"]}


def test_every_file_that_a_stage_lists_is_there() -> None:
    """Also of a stage whose loop is empty under every values file: nothing writes its list."""
    listed = dvc_yaml.read_code((ROOT / "dvc.yaml").read_text())
    assert not {
        f"{s}: {p}" for s, paths in listed.items() for p in paths if not (ROOT / p).exists()
    }


def test_code_is_replaced_and_all_else_stays() -> None:
    text = dvc_yaml.replace_code(TEXT, CODE)
    assert dvc_yaml.read_code(text) == CODE
    assert dvc_yaml.replace_code(text, CODE) == text
    left = [line for line in text.splitlines() if "packages/" not in line and "# code" not in line]
    kept = [line for line in TEXT.splitlines() if "packages/" not in line and "old.py" not in line]
    assert [line for line in left if "new.py" not in line] == kept


def test_a_package_is_named_where_all_of_it_counts() -> None:
    sources = [Path(p) for p in ("p/src/a/__init__.py", "p/src/a/x.py", "p/src/a/b/__init__.py")]
    assert dvc_yaml.collapse(sources, sources) == ["p/src/a"]
    assert dvc_yaml.collapse(sources[1:], sources) == ["p/src/a/b", "p/src/a/x.py"]


ROOT = Path(__file__).parents[4]


def test_dvc_yaml_lists_the_code_of_each_stage() -> None:
    assert dvc_yaml.check(ROOT) == [], "run `make deps`"


def test_a_loop_that_no_values_file_fills_is_followed_all_the_same() -> None:
    sections = CodeInValues(code(), ROOT / "params.yaml").written
    assert sections["pipeline"]["teachers"] == []
    found = [c.item for c in commands(ROOT, sections) if c.stage == "train_teacher"]
    assert found == ["depth_anywhere_teacher"]


def test_the_code_that_a_stage_lists_exists() -> None:
    listed = dvc_yaml.read_code((ROOT / "dvc.yaml").read_text())
    assert set(listed) >= {"train_teacher", "train_da2", "train_box"}
    assert not {p for paths in listed.values() for p in paths if not (ROOT / p).exists()}


def test_edits_run_the_stages_that_use_the_code() -> None:
    listed = dvc_yaml.read_code((ROOT / "dvc.yaml").read_text())
    runs = {kind: set(stages_with(file, listed)) for kind, (file, _) in edits(ROOT).items()}
    trainings = {stage for stage in listed if stage.startswith("train_")}
    readers = {"da2_curate", "dap_label_1", "dap_label_2", "evaluate", "suites", "gallery"}
    assert runs["decode"] >= trainings | readers
    assert runs["sampler"] >= trainings
    assert runs["a loss"] >= trainings
    assert runs["worlds"] == {"worlds"}
    assert runs["the UI"] == runs["a test"] == runs["a doc"] == set()
    assert runs["a comment (in decode)"] == runs["decode"]
    text = table(ROOT)
    assert text.count("are found finished") == 1
    page = (ROOT / dvc_yaml.PAGE).read_text()
    assert text in page, "run `make deps`"
    stale = page.replace(text, "| old |\n")
    assert dvc_yaml.with_table(stale, ROOT) == page


def test_an_entry_that_is_no_module_is_named(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {one: {cmd: ./run.sh, deps: []}}")
    with pytest.raises(PipelineError, match=r"stage one .*got `./run.sh`"):
        list(commands(tmp_path, {}))


RUN = """
import json, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, stop.code
finally:
    ours = ("experiments", "pano_", "panodepth")
    files = {m.__spec__.name for m in list(sys.modules.values())
             if getattr(m, "__spec__", None) and m.__spec__.name.startswith(ours)}
    open("imported.json", "w").write(json.dumps(sorted(files)))
"""


def imported(folder: Path, *words: str) -> set[str]:
    """Modules of ours that `python -m WORDS` has imported when it ends."""
    environment = {**tiny.environment(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words], cwd=folder, env=environment,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads((folder / "imported.json").read_text()))


def outside(stage: str, found: set[str], closure: frozenset[str]) -> list[str]:
    """A line for each module that a stage imported though its closure lacks it."""
    return [
        f"stage {stage} imports {module}: outside of its closure, a dynamic import"
        for module in sorted(found - closure)
    ]


def test_what_a_training_and_its_scoring_import_lies_in_the_closure(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    found = imported(tmp_path, "experiments.da2", "fit", "--section", "tiny")
    named = CodeInValues(code(), tmp_path / "params.yaml")
    section = named.section("tiny")
    closure = code().closure({"experiments.da2.__main__"} | named.names(section))
    assert "pano_models.da2" in found
    assert outside("train_da2", found, closure) == []
    source = {"manifest": "train.parquet", "root": "raw"}
    scoring = {"datasets": {"rooms": source}, "protocols": ["da2_paper"], "size": [32, 64]}
    with (tmp_path / "params.yaml").open("a") as file:
        file.write(f"evaluate: {json.dumps(scoring)}\n")
    found = imported(tmp_path, "experiments.benchmark.evaluate.stage", "tiny")
    named = CodeInValues(code(), tmp_path / "params.yaml")
    names = {"experiments.benchmark.evaluate.stage"} | named.networks("tiny")
    assert "pano_models.da2" in found
    assert outside("evaluate", found, code().closure(names)) == []


def test_what_a_manifest_stage_imports_lies_in_the_closure(tmp_path: Path) -> None:
    tiny.prepare(tmp_path)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "raw").rename(tmp_path / "data/raw/structured3d")
    found = imported(tmp_path, "experiments.prepare.manifests", "structured3d")
    closure = code().closure(["experiments.prepare.manifests"])
    assert "pano_data.datasets.structured3d" in found
    assert outside("manifest", found, closure) == []
    named = outside("manifest", found, closure - {"pano_data.datasets.structured3d"})
    assert named == [
        "stage manifest imports pano_data.datasets.structured3d: outside of its closure, "
        "a dynamic import"
    ]


@pytest.mark.parametrize("values", ["params.yaml", "params.long.yaml", "params.paper.yaml"])
def test_da2_does_not_depend_on_other_networks(values: str) -> None:
    named = CodeInValues(code(), ROOT / values)
    command = next(c for c in commands(ROOT, named.written) if c.stage == "train_da2")
    modules = modules_of(command, named)
    assert "pano_models.da2" in modules
    assert not any("hohonet" in module for module in modules)
