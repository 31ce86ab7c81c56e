"""Every section of params.yaml fits the signatures it configures.

A typo is named before any work.
"""

import contextlib
import io
from functools import cache
from pathlib import Path

import pytest
import yaml

from experiments.pipeline import params
from experiments.training.cli import main
from experiments.training.params_cli import ParamsCLI

ROOT = Path(__file__).parents[3]
WRITTEN = params.read_params(ROOT / "params.yaml")
SECTIONS = {name: params.resolved(WRITTEN, name) for name in WRITTEN}
# A training has a network of its own; what others only extend (`depth_anywhere_student`) has none.
TRAININGS = [
    n
    for n, s in SECTIONS.items()
    if isinstance(s.get("model"), dict) and "net" in s["model"]["init_args"]
]


def paper_of(section: str) -> str:
    return next(p for p in ("depth_anywhere", "da2", "dap") if section.startswith(p))


def printed(section: str, *argv: str) -> dict:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
        ParamsCLI(paper_of(section), section, ["fit", *argv, "--print_config"])
    assert stop.value.code == 0
    return yaml.safe_load(out.getvalue())


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("section", TRAININGS)
def test_section_parses_over_common(section: str) -> None:
    resolved = printed(section)
    assert resolved["trainer"]["max_steps"] == SECTIONS[section]["trainer"]["max_steps"]
    assert resolved["data"]["train"].keys() == SECTIONS[section]["data"]["train"].keys()
    assert resolved["trainer"]["deterministic"] is SECTIONS["common"]["trainer"]["deterministic"]
    assert resolved["data"]["size"] == SECTIONS["common"]["data"]["size"]


def test_the_command_line_wins() -> None:
    resolved = printed("da2", "--data.batch_size", "3", "--model.optimizer.lr", "0.25")
    assert resolved["data"]["batch_size"] == 3
    assert resolved["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.25


@pytest.mark.parametrize(
    ("typo", "named"),
    [
        ("--data.batch_sise", "batch_sise"),
        ("--trainer.max_stepz", "max_stepz"),
        ("--model.init_args.net.init_args.widht", "widht"),
    ],
)
def test_a_typo_is_named(typo: str, named: str) -> None:
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as stop:
        main("da2", ["fit", typo, "3"])
    assert stop.value.code == 2
    assert named in errors.getvalue()


# Every name that a loop of dvc.yaml can be given.
LOOPS = {
    "${pipeline.students}": [
        n for n in TRAININGS if "depth_anywhere_student" in params.lineage(n, ROOT / "params.yaml")
    ],
    "${pipeline.metric}": ["depth_anywhere_metric"],
}


@cache
def stages() -> dict[str, tuple[str, list[str]]]:
    """`{stage: (command, sections it lists)}` of dvc.yaml, loops spelled out."""
    found = {}
    text = (
        (ROOT / "dvc.yaml").read_text().replace("${pipeline.rooms}", WRITTEN["pipeline"]["rooms"])
    )
    for name, stage in params.parse(text)["stages"].items():
        loop, do = stage.get("foreach", [""]), stage.get("do", stage)
        key = str(loop).removeprefix("${pipeline.").removesuffix("}")
        items = LOOPS.get(str(loop)) or WRITTEN["pipeline"].get(key, loop)
        for item in items if isinstance(items, list) else []:
            listed = [key.replace("${item}", item) for key in do.get("params", [])]
            found[f"{name}@{item}"] = (do["cmd"].replace("${item}", item), listed)
    return found


@pytest.mark.parametrize("stage", stages())
def test_a_stage_lists_every_place_that_its_section_takes_over(stage: str) -> None:
    command, listed = stages()[stage]
    read = [n for n in WRITTEN if n in command.split()]
    if ".evaluate" in command:
        read = ["evaluate"]  # its argument names a model
    if command.endswith(" fit"):
        read = [command.split()[2].removeprefix("experiments.")]
    for section in read:
        for place in params.lineage(section, ROOT / "params.yaml"):
            assert any(place == key or place.startswith(f"{key}.") for key in listed), place
    assert {key.split(".")[0] for key in listed} <= set(WRITTEN)
