"""Bad input is a line and exit code 2, a bug a traceback."""

import errno
from pathlib import Path

import pytest
import yaml

from experiments.pipeline.params import ParamsError
from experiments.pipeline.stage import report_bad_input, run_stage
from pano_data import CorruptSampleError, DataError
from pano_models.errors import CheckpointError, ModelNotFoundError


@pytest.mark.parametrize("error", [ParamsError("got x"), CorruptSampleError("a.png", "empty", "y")])
def test_bad_input_is_a_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop, report_bad_input("da2"):
        raise error
    assert stop.value.code == 2
    assert capsys.readouterr().err == f"error in section da2: {error}\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_disk_that_takes_nothing_is_a_line(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop, report_bad_input("da2"):
        raise OSError(number, "not today", "runs/da2/x")
    assert stop.value.code == 1  # nothing is wrong with the values
    assert capsys.readouterr().err == "section da2: not today: runs/da2/x\n"


def test_a_rank_names_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "3")
    with pytest.raises(SystemExit), report_bad_input("da2"):
        raise DataError("got x")
    assert capsys.readouterr().err == "error in section da2, rank 3: got x\n"


def test_what_a_constructor_refuses_is_found_behind_the_parser_s_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit), report_bad_input("da2", CheckpointError):
        raise ValueError("Does not validate") from CheckpointError("got x")
    assert capsys.readouterr().err == "error in section da2: got x\n"


def test_a_bug_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="a bug"), report_bad_input("da2"):
        raise ValueError("a bug")
    assert not capsys.readouterr().err


def stage(count: int) -> None:
    """A stage that never likes its data."""
    raise DataError(f"got {count} rows")


def test_a_stage_refuses_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"stage": {"count": 3}}))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run_stage(stage, "stage", [])
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error in section stage: got 3 rows\n"


def test_an_unknown_key_without_content_is_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stage(count: int, tags: dict[str, str] | None = None) -> None:
        """Do nothing.

        Args:
            count: A number.
            tags: May be empty.
        """

    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump({"good": {"count": 1, "tags": {}}}))
    run_stage(stage, "good", [])
    Path("params.yaml").write_text(yaml.safe_dump({"bad": {"count": 1, "tgas": {}}}))
    with pytest.raises(SystemExit, match="2"):
        run_stage(stage, "bad", [])
    assert "tgas: no such key; expected one of" in capsys.readouterr().err


class Picky:
    """Refuses what it is given."""

    def __init__(self, size: int) -> None:
        raise ValueError(f"size: got {size}, expected 2")


@pytest.mark.parametrize("what", [Picky, ModelNotFoundError])
def test_what_a_constructor_of_a_value_refuses_is_a_line(
    what: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stage(part: Picky) -> None:
        """Do nothing.

        Args:
            part: Anything.
        """

    def missing(self: Picky, size: int) -> None:
        raise ModelNotFoundError("no folder there")

    if what is ModelNotFoundError:
        monkeypatch.setattr(Picky, "__init__", missing)
    monkeypatch.chdir(tmp_path)
    values = {"part": {"class_path": f"{__name__}.Picky", "init_args": {"size": 3}}}
    Path("params.yaml").write_text(yaml.safe_dump({"stage": values}))
    with pytest.raises(SystemExit, match="2"):
        run_stage(stage, "stage", [], ModelNotFoundError)
    told = capsys.readouterr().err
    words = "no folder there" if what is ModelNotFoundError else "size: got 3, expected 2"
    assert told.startswith(f"error in section stage: {words}")
    assert told.count("\n") == 1


def test_a_bug_of_the_stage_itself_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage(count: int) -> None:
        """Fail."""
        raise ValueError("a bug")

    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump({"stage": {"count": 1}}))
    with pytest.raises(ValueError, match="a bug"):
        run_stage(stage, "stage", [])
