"""An overlay is written into params.yaml, and never over edits that git does not hold."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from experiments.pipeline import overlay, params

ROOT = Path(__file__).parents[3]
DEFAULT = "# how long\nlong: {steps: 10, size: [1, 2]}\nshort: {extends: long, steps: 1}\n"
MINE = "extends: params.yaml\nlong: {steps: 100}\n"


def _git(folder: Path, *words: str) -> None:
    own = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", "-C", str(folder), *own, *words], check=True, capture_output=True)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a values file and an overlay."""
    (tmp_path / "params.yaml").write_text(DEFAULT)
    (tmp_path / "params.mine.yaml").write_text(MINE)
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "--quiet", "-m", "x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_written_is_what_the_overlay_says(clone: Path) -> None:
    expected = {n: params.section(n, Path("params.mine.yaml")) for n in ("long", "short")}
    assert expected["short"] == {"steps": 1, "size": [1, 2]}
    assert overlay.main(["params.mine.yaml"]) == 0
    assert {n: params.section(n) for n in ("long", "short")} == expected
    assert params.lineage("short") == ["long", "short"]  # still a reference, for `dvc exp run -S`
    _git(clone, "checkout", "params.yaml")
    assert Path("params.yaml").read_text() == DEFAULT


def test_print_changes_nothing(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert overlay.main(["params.mine.yaml", "--print"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["long"] == {"steps": 100, "size": [1, 2]}
    assert Path("params.yaml").read_text() == DEFAULT


def test_edits_are_kept(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited = DEFAULT.replace("[1, 2]", "[3, 4]")
    Path("params.yaml").write_text(edited)
    assert overlay.main(["params.mine.yaml"]) == 2
    assert "params.yaml has edits that git does not hold" in capsys.readouterr().err
    assert Path("params.yaml").read_text() == edited
    assert overlay.main(["params.mine.yaml", "--force"]) == 0
    assert params.section("long") == {"steps": 100, "size": [3, 4]}


def test_outside_git_nothing_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text(DEFAULT)
    (tmp_path / "params.mine.yaml").write_text(MINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert overlay.main(["params.mine.yaml"]) == 2
    assert Path("params.yaml").read_text() == DEFAULT


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_one_overlay_at_a_time(
    force: list[str], clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert overlay.main(["params.mine.yaml"]) == 0
    _git(clone, "commit", "--all", "--quiet", "-m", "y")
    written = Path("params.yaml").read_text()
    assert overlay.main(["params.mine.yaml", *force]) == 2
    assert "holds an overlay already" in capsys.readouterr().err
    assert Path("params.yaml").read_text() == written


def test_an_overlay_that_does_not_fit_leaves_the_file(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.mine.yaml").write_text("extends: params.yaml\nlong: {stepz: !delete }\n")
    assert overlay.main(["params.mine.yaml"]) == 2
    assert capsys.readouterr().err.startswith("error: long.stepz: got !delete, expected one of")
    assert Path("params.yaml").read_text() == DEFAULT


def test_params_yaml_is_no_overlay(clone: Path) -> None:
    assert overlay.main(["params.yaml", "--force"]) == 2


def repeated(base: Any, over: Any, at: str = "") -> list[str]:
    """Keys of an overlay that say what the file below says."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return [at] if base == over else []
    if params.EXTENDS in over and at:
        return []
    return [
        found
        for key in over
        if key in base and key != "class_path"
        for found in repeated(base[key], over[key], f"{at}.{key}")
    ]


OVERLAYS = ("params.paper.yaml", "params.long.yaml")


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_states_only_what_differs(name: str) -> None:
    base = params.read_params(ROOT / "params.yaml")
    over = yaml.load((ROOT / name).read_text(), Loader=params._Loader)
    assert repeated(base, over) == []


@pytest.mark.parametrize("overlaid", OVERLAYS)
def test_what_is_composed_of_an_overlay_resolves_alike(overlaid: str, tmp_path: Path) -> None:
    paper = ROOT / overlaid
    written = tmp_path / "params.yaml"
    written.write_text(overlay.compose(paper))
    names = params.read_params(paper)
    assert list(params.read_params(written)) == list(names)
    for name in names:
        assert params.section(name, written) == params.section(name, paper)


CHOICES = """
pipeline: {sets: [a], trained: [], alternatives: {more: {sets: [b, a], trained: [t]}}}
"""


def test_an_alternative_adds_to_the_loops_that_it_names(clone: Path) -> None:
    Path("params.mine.yaml").write_text(MINE + CHOICES)
    assert overlay.main(["params.mine.yaml", "--with", "more"]) == 0
    found = params.read_params()["pipeline"]
    assert (found["sets"], found["trained"]) == (["a", "b"], ["t"])
    assert params.section("long")["steps"] == 100


def test_without_being_named_it_adds_nothing(clone: Path) -> None:
    Path("params.mine.yaml").write_text(MINE + CHOICES)
    assert overlay.main(["params.mine.yaml"]) == 0
    found = params.read_params()["pipeline"]
    assert (found["sets"], found["trained"]) == (["a"], [])


@pytest.mark.parametrize(
    ("choices", "told"),
    [
        (CHOICES, "got alternative 'less', expected one of ['more']"),
        (CHOICES.replace("more: {sets", "less: {seds"), "less: got 'seds', expected a list"),
        ("", "got alternative 'less', expected one of []"),
    ],
)
def test_an_alternative_that_is_not_there_is_named(
    choices: str, told: str, clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("params.mine.yaml").write_text(MINE + choices)
    assert overlay.main(["params.mine.yaml", "--with", "less"]) == 2
    assert told in capsys.readouterr().err
    assert Path("params.yaml").read_text() == DEFAULT
