from argparse import Namespace
from pathlib import Path

import pytest

from experiments.pipeline.run_folder import STATE
from experiments.tracking.sync_command import run
from panodepth.errors import CommandError


@pytest.mark.parametrize("name", ["nowhere", "text.txt"])
def test_a_folder_that_is_none_is_told_and_not_taken_for_delivered(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("no folder")
    with pytest.raises(CommandError, match="is no folder, expected that of the runs' state"):
        run(Namespace(runs=tmp_path / name))


def test_a_clone_that_trained_nothing_has_nothing_to_deliver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(Namespace(runs=STATE)) == 0
    assert "nothing left to deliver" in capsys.readouterr().out
