"""Folders of killed stages: taken up, removed below DVC, refused by hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.pipeline.partial_output import plain_values, take_up
from pano_data import DataError
from pano_data.masks import RuleMasker


def test_the_same_work_is_taken_up(tmp_path: Path) -> None:
    take_up(tmp_path / "out", {"size": (2, 4), "code": "x"})
    (tmp_path / "out/half").touch()
    take_up(tmp_path / "out", {"code": "x", "size": (2, 4)})
    assert (tmp_path / "out/half").is_file()


def test_other_work_is_refused_by_hand_and_removed_in_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_up(tmp_path, {"code": "x"})
    (tmp_path / "half").touch()
    with pytest.raises(DataError, match="work of other values"):
        take_up(tmp_path, {"code": "y"})
    assert (tmp_path / "half").is_file()
    monkeypatch.setenv("DVC_STAGE", "curate")
    take_up(tmp_path, {"code": "y"})
    assert [path.name for path in tmp_path.iterdir()] == ["made_of.json"]


def test_what_nobody_noted_is_removed_in_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_STAGE", "curate")
    (tmp_path / "old").touch()
    take_up(tmp_path, {})
    assert not (tmp_path / "old").exists()


SLOW = """
import shutil, sys, time
from pathlib import Path
from experiments.pipeline import partial_output
remove = shutil.rmtree
def remove_late(folder):
    print("removing", flush=True)
    time.sleep(1)
    remove(folder)
shutil.rmtree = remove_late
partial_output.take_up(Path(sys.argv[1]), {"code": "new"})
"""


def test_a_rank_never_removes_what_another_has_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    take_up(out, {"code": "old"})
    monkeypatch.setenv("DVC_STAGE", "curate")
    words = [sys.executable, "-c", SLOW, str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "removing\n"
        take_up(out, {"code": "new"})
        (out / "half").touch()
    assert other.returncode == 0
    assert (out / "half").is_file()


def test_options_of_an_object_are_told_apart() -> None:
    assert plain_values(RuleMasker()) == plain_values(RuleMasker())
    assert plain_values(RuleMasker()) != plain_values(RuleMasker(sky=False))
