"""Folders of killed stages: taken up, removed below DVC, refused by hand."""

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


def test_options_of_an_object_are_told_apart() -> None:
    assert plain_values(RuleMasker()) == plain_values(RuleMasker())
    assert plain_values(RuleMasker()) != plain_values(RuleMasker(sky=False))
