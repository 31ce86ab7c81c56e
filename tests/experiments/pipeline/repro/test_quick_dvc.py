"""The lock file of `quick_dvc` against that of DVC itself."""

from pathlib import Path

import pytest
import yaml
from dvc.dependency.param import read_param_file
from dvc.fs import localfs
from dvc.utils.serialize._yaml import dumps_yaml, parse_yaml

from experiments.pipeline.repro import quick_dvc
from experiments.pipeline.repro.quick_dvc import HEAD, modify_lock, read_values, split
from tests.experiments import other_process
from tests.experiments.tiny import ROOT

LONG = "experiments.depth_anywhere.augmentation.PlainPicture" * 2
STAGES = {
    "worlds@a": {"cmd": "python -m a", "deps": [{"path": "a.py", "md5": "1", "size": 3}]},
    "train": {
        "cmd": ["first", "second"],
        "params": {
            "params.yaml": {
                "da2": {
                    "betas": [0.5, 0.999],
                    "none": None,
                    "true": True,
                    "text": "yes",
                    "number": "1e-4",
                    "small": 1e-4,
                    "many words": "DA²: " + "word " * 40,
                    "deep": {"list": [{"class_path": LONG, "init_args": {}}, []]},
                    "lines": "one\ntwo\n\n  three",
                    "hash": "# no comment",
                }
            }
        },
    },
    "last": {"cmd": "true"},
}


def lock(stages: dict) -> str:
    return dumps_yaml({"schema": "2.0", "stages": stages})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "dvc.lock"
    path.write_text(lock(STAGES), "utf-8")
    return path


def test_a_file_is_taken_apart_and_read_as_dvc_reads_it(file):
    stages = split(file.read_text("utf-8"))
    assert stages.text() == file.read_text("utf-8")
    assert {name: stages.get(name) for name in stages.blocks} == STAGES
    assert stages.get("nobody", {}) == {}


@pytest.mark.parametrize("name", [*STAGES, "new@stage"])
def test_a_changed_stage_is_written_as_dvc_writes_the_whole(file, name):
    changed = {"cmd": "other", "outs": [{"path": LONG, "hash": "md5", "nfiles": 2}]}
    with modify_lock(file) as data:
        data["stages"].update({name: changed})
    assert file.read_text("utf-8") == lock({**STAGES, name: changed})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "stages:\n  a:\n    cmd: b\n",
        HEAD + "  a:\n    cmd: b\ndatasets: []\n",
        HEAD.replace("stages:", "stages: {}"),
        HEAD + "<<<<<<< ours\n  a:\n    cmd: b\n",
    ],
)
def test_what_dvc_has_not_written_is_left_to_dvc(text):
    assert split(text) is None


def test_other_files_and_missing_ones_are_changed_by_dvc(tmp_path):
    path = tmp_path / "dvc.yaml"
    path.write_text("# a comment\nstages:\n  a:\n    cmd: b # another\n")
    with modify_lock(path) as data:
        data["stages"]["a"]["cmd"] = "c"
    assert path.read_text() == "# a comment\nstages:\n  a:\n    cmd: c # another\n"
    with modify_lock(tmp_path / "dvc.lock") as data:
        assert not data
        data.update({"schema": "2.0", "stages": {"a": {"cmd": "b"}}})
    assert parse_yaml((tmp_path / "dvc.lock").read_text(), "") == {
        "schema": "2.0",
        "stages": {"a": {"cmd": "b"}},
    }


def test_a_failure_inside_leaves_the_file(file):
    before = file.read_text("utf-8")

    def fail() -> None:
        with modify_lock(file) as data:
            data["stages"].update({"last": {"cmd": "false"}})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert file.read_text("utf-8") == before


PIPELINE = """\
stages:
  first:
    foreach: [a, b]
    do:
      cmd: echo ${item} > ${item}.txt
      deps: [source.txt]
      outs: [{"${item}.txt": {cache: false}}]
  second:
    cmd: cat a.txt b.txt > c.txt
    params: [width, "text"]
    deps: [a.txt, b.txt]
    outs: [{c.txt: {cache: false}}]
"""


def test_a_pipeline_gets_the_lock_file_of_dvc_byte_for_byte(tmp_path):
    def reproduced(module: str, folder: Path) -> list[str]:
        folder.mkdir()
        (folder / "dvc.yaml").write_text(PIPELINE)
        (folder / "params.yaml").write_text(f"width: [0.5, 1.0e-4]\ntext: {LONG} {LONG}\n")
        locks = []
        for source in ("one", "two"):
            (folder / "source.txt").write_text(source)
            if source == "one":
                dvc(module, folder, "init", "--no-scm", "-q")
            dvc(module, folder, "repro")
            locks.append((folder / "dvc.lock").read_text("utf-8"))
        return locks

    def dvc(module: str, folder: Path, *arguments: str) -> None:
        done = other_process.run_module(folder, module, *arguments)
        assert done.returncode == 0, done.stderr

    expected = reproduced("dvc", tmp_path / "dvc")
    assert reproduced("experiments.pipeline.repro.quick_dvc", tmp_path / "ours") == expected
    assert expected[0] != expected[1]


def test_values_of_all_stages_are_those_that_dvc_reads():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    params = [p for s in stages for p in (s.get("do") or s).get("params", [])]
    keys = sorted({key for key in params if isinstance(key, str) and "${" not in key})
    path = str(ROOT / "params.yaml")
    expected = read_param_file(localfs, path, keys, flatten=True)
    assert read_values(localfs, path, keys, flatten=True) == expected
    assert len(expected) > 20  # of others the stages are not there: they loop over nothing


@pytest.mark.parametrize("keys", [["a.b"], ["a.list.0"], ["a.*"], ["a.list", "none", "a.b.c"], []])
@pytest.mark.parametrize("flatten", [True, False])
def test_values_are_read_as_dvc_reads_them(keys, flatten, tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("a: {b: 1, list: [x, 2]}\nd: null\n")
    calls = [
        lambda read=read: read(localfs, str(path), keys, flatten=flatten)
        for read in (read_values, read_param_file)
    ]
    outcomes = []
    for call in calls:
        try:
            outcomes.append(call())
        except (KeyError, ValueError) as error:
            outcomes.append(type(error))
    assert outcomes[0] == outcomes[1]


def test_a_values_file_is_parsed_once_until_it_changes(tmp_path, monkeypatch):
    parsed = []
    original = quick_dvc.load_path
    monkeypatch.setattr(quick_dvc, "load_path", lambda *a: parsed.append(a) or original(*a))
    path = tmp_path / "params.yaml"
    path.write_text("a: {b: 1}\n")
    for _ in range(3):
        assert read_values(localfs, str(path), ["a.b"], flatten=True) == {"a.b": 1}
    assert len(parsed) == 1
    path.write_text("a: {b: 22}\n")
    assert read_values(localfs, str(path), ["a.b"], flatten=True) == {"a.b": 22}
    assert len(parsed) == 2
