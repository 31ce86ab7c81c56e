from collections.abc import Callable
from pathlib import Path

import pytest

from panodepth.cli import main

Refused = Callable[..., str]


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refused:
    """Runs `view` in an empty folder, and returns the line that it is refused with."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        assert main(["view", *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("missing/", "there is no folder missing: expected one of predictions (panodepth predict "),
        ("./missing", "there is no folder missing: expected one of predictions"),
        ("missing", "there is no folder missing of predictions (panodepth predict PATH... --out "),
        ("pano_smal", "(is pano_small meant?)"),
        ("room.jpg", "room.jpg is a file, expected a folder: of predictions (panodepth predict "),
        ("empty", "empty holds neither predictions (*_prediction.json of panodepth predict)"),
        ("official:none", "--model official:none cannot be loaded: no release 'none'"),
    ],
)
def test_what_cannot_be_viewed_is_said_in_a_line(what: str, said: str, refused: Refused) -> None:
    Path("empty").mkdir()
    Path("room.jpg").write_bytes(b"x")
    line = refused(what, "--no-browser")
    assert line.startswith("panodepth view: ")
    assert said in line


@pytest.mark.parametrize(
    ("what", "said"), [("missing", "there is no folder missing"), (".", ". holds none")]
)
def test_a_page_of_nothing_is_not_written(what: str, said: str, refused: Refused) -> None:
    assert f"--html needs a folder of predictions, {said}" in refused(what, "--html", "page.html")
    assert not Path("page.html").exists()
