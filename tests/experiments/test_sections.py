"""Every section of params.yaml fits the signatures it configures; a typo is named before any work."""

import contextlib
import io
from pathlib import Path

import pytest
import yaml

from experiments.common.cli import ParamsCLI

ROOT = Path(__file__).parents[2]
SECTIONS = yaml.safe_load((ROOT / "params.yaml").read_text())
TRAININGS = [
    n
    for n, s in SECTIONS.items()
    if n != "common" and isinstance(s, dict) and "model" in s and "trainer" in s
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
        ParamsCLI("da2", "da2", ["fit", typo, "3"])
    assert stop.value.code == 2
    assert named in errors.getvalue()
