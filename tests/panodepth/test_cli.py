import errno
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from panodepth import cli
from panodepth.cli import GROUP, Subcommand, main, subcommands
from panodepth.errors import CommandError


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(name in text for name in subcommands())


@pytest.mark.parametrize("words", [[], ["predcit"], ["predict"]])
def test_bad_usage_exits_with_2(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)


def test_a_misspelt_command_is_told_with_the_one_that_is_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["predit", "room.jpg"])
    assert "no command 'predit' (is predict meant?), expected one of" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["predict", ""], ["predict", "a.jpg", "--out", ""], ["view", "a", "--html="], [""]]
)
def test_an_empty_variable_of_the_shell_is_no_name(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert "is a variable of the shell empty?" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(subcommands()))
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"usage: panodepth {command}" in capsys.readouterr().out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, panodepth.cli; print([m for m in ('torch', 'rich', 'matplotlib') if m in "
        "sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_predict_imports_what_draws_and_meshes_only_where_it_is_asked_for() -> None:
    code = (
        "import sys, panodepth.inference.command; "
        "print([m for m in ('matplotlib', 'trimesh', 'timm') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


HELLO = """
import argparse

from panodepth.cli import Subcommand

COMMAND = Subcommand("hello_command", "says hello")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")


def run(args: argparse.Namespace) -> int:
    print("hello", args.name)
    return 7
"""


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add entry points of other packages: one that works, five that do not."""
    (tmp_path / "hello_command.py").write_text(HELLO)
    (tmp_path / "raises_at_import.py").write_text("raise RuntimeError('two\\nlines')")
    monkeypatch.syspath_prepend(tmp_path)
    points = [
        EntryPoint("hello", "hello_command:COMMAND", GROUP),
        EntryPoint("missing", "no_such_module:COMMAND", GROUP),
        EntryPoint("broken", "raises_at_import:COMMAND", GROUP),
        EntryPoint("wrong", "hello_command:HELLO", GROUP),
        EntryPoint("text", "hello_command:__name__", GROUP),
        EntryPoint("predict", "hello_command:COMMAND", GROUP),
    ]
    monkeypatch.setattr(cli, "entry_points", lambda group: points)


@pytest.mark.usefixtures("plugins")
def test_other_packages_add_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hello", "world"]) == 7
    assert capsys.readouterr().out == "hello world\n"


@pytest.mark.usefixtures("plugins")
def test_broken_commands_of_other_packages_are_left_out_with_a_line_each(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["predict", str(tmp_path), "--model", "none", "--out", str(tmp_path / "out")]
    assert main(words) == 2  # ours ran: the folder holds no image
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    told = {line.split("'")[1]: line for line in lines[:5]}
    assert "no_such_module" in told["missing"]
    assert "RuntimeError: two lines" in told["broken"]
    assert "has no attribute 'HELLO'" in told["wrong"]
    assert "got str, expected a panodepth.cli.Subcommand" in told["text"]
    assert "taken by panodepth.inference.command" in told["predict"]
    assert "holds no image" in lines[5]


@pytest.mark.usefixtures("plugins")
def test_our_command_wins_over_one_of_the_same_name() -> None:
    assert subcommands()["predict"] == cli.OWN["predict"]
    assert subcommands()["hello"] == Subcommand("hello_command", "says hello")


@pytest.mark.parametrize("module", ["panodepth", "panodepth.cli"])
def test_commands_of_other_packages_are_there_however_the_program_is_started(module: str) -> None:
    """`torchrun -m panodepth.cli evaluate` starts it as a module."""
    words = [sys.executable, "-m", module, "verify", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, "left out" in done.stderr) == (0, False), done.stderr
    assert "usage: panodepth verify" in done.stdout


def test_an_error_of_the_system_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> int:
        raise IsADirectoryError(errno.EISDIR, "Is a directory", "x\x1b[2J")

    monkeypatch.setattr("panodepth.audit.run", fail)
    assert main(["audit", "structured3d", "."]) == 2
    told = capsys.readouterr().err
    assert told == "panodepth audit: cannot be read or written: x\\x1b[2J: Is a directory\n"


def test_a_command_of_the_experiments_that_is_not_installed_says_where_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "entry_points", lambda group: ())
    assert main(["train", "a", "b"]) == 2
    told = capsys.readouterr().err
    assert "comes with the experiments" in told
    assert len(told.splitlines()) == 1


def test_a_line_break_in_a_name_does_not_break_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "two\nlines"
    folder.mkdir()
    assert main(["predict", str(folder)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"panodepth predict: {tmp_path}/two\\nlines holds no image")
    with pytest.raises(SystemExit, match="2"):
        main(["audit", "structured3d", str(tmp_path), "more\x1b[2J\nwords"])
    assert r"arguments: more\x1b[2J\nwords" in capsys.readouterr().err.splitlines()[-1]


def test_what_a_library_says_over_several_lines_is_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> int:
        try:
            raise ValueError("Error(s):\n\t missing keys")
        except ValueError as error:
            raise CommandError(f"a\nb cannot be loaded: {error}") from error

    monkeypatch.setattr("panodepth.audit.run", fail)
    assert main(["audit", "structured3d", "."]) == 2
    told = capsys.readouterr().err
    assert told == "panodepth audit: a\\nb cannot be loaded: Error(s): missing keys\n"
