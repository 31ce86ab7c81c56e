from pathlib import Path

import pytest

from experiments.common import params


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    return path


def test_section(tmp_path: Path) -> None:
    path = _file(tmp_path, "a: {x: 1}\nb:\n")
    assert params.section("a", path) == {"x": 1}
    assert params.section("b", path) == {}
    assert params.section_text("a", path) == "x: 1\n"


def test_unknown_section_lists_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(params.ParamsError, match=r"got section 'c', expected one of \['a', 'b'\]"):
        params.section("c", _file(tmp_path, "a: {x: 1}\nb: {}\n"))


def test_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(params.ParamsError, match="expected the root of a clone"):
        params.section("a", tmp_path / "params.yaml")


@pytest.mark.parametrize("text", ["[1, 2]", "a: [1"])
def test_not_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(params.ParamsError):
        params.section("a", _file(tmp_path, text))
