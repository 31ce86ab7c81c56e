from pathlib import Path

import pytest

from experiments.pipeline import params


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


FAMILY = """
base:
  trainer: {max_steps: 3, devices: 1}
  model: {net: {class_path: A, init_args: {width: 1, heads: 2}}, terms: [1, 2]}
more: {trainer: {devices: 2}}
child:
  extends: [base, more]
  trainer: {max_steps: 5}
  model: {net: {init_args: {width: 8}}, terms: [3]}
other:
  extends: child
  model: {net: {class_path: B, init_args: {depth: 1}}}
empty: {extends: base}
"""


def test_extends_merges_mappings_and_replaces_the_rest(tmp_path: Path) -> None:
    path = _file(tmp_path, FAMILY)
    assert params.section("child", path) == {
        "trainer": {"max_steps": 5, "devices": 2},
        "model": {
            "net": {"class_path": "A", "init_args": {"width": 8, "heads": 2}},
            "terms": [3],
        },
    }
    assert params.section("empty", path) == params.section("base", path)


def test_another_class_takes_over_no_arguments(tmp_path: Path) -> None:
    other = params.section("other", _file(tmp_path, FAMILY))
    assert other["model"]["net"] == {"class_path": "B", "init_args": {"depth": 1}}
    assert other["trainer"] == {"max_steps": 5, "devices": 2}


def test_lineage_names_each_section_once_and_the_own_last(tmp_path: Path) -> None:
    path = _file(tmp_path, FAMILY)
    assert params.lineage("other", path) == ["base", "more", "child", "other"]
    assert params.lineage("base", path) == ["base"]


def test_extends_of_a_typo_names_both_sections(tmp_path: Path) -> None:
    with pytest.raises(params.ParamsError, match=r"'bse', which 'child' extends.*'base'"):
        params.section("child", _file(tmp_path, "base: {}\nchild: {extends: bse}\n"))


def test_extends_in_a_circle(tmp_path: Path) -> None:
    path = _file(tmp_path, "a: {extends: b}\nb: {extends: a}\n")
    with pytest.raises(params.ParamsError, match="a -> b -> a"):
        params.section("a", path)
