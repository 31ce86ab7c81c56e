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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: {}\nchild: {extends: bse}\n", r"'bse', which 'child' extends: .*'base'"),
        (
            "sets: {a: {x: 1}}\nchild: {data: {extends: sets.b}}\n",
            r"'sets.b', which 'child.data' extends: no 'b' there, expected one of \['a'\]",
        ),
        ("sets: {a: 1}\nchild: {extends: sets.a}\n", r"sets.a: got 1, expected a mapping"),
        ("sets: {a: 1}\nchild: {extends: sets.a.b}\n", r"no 'b' there, expected one of a mapping"),
        ("child: {extends: 3}\n", r"child.extends: got 3, expected the name of a section"),
        ("child: 3\n", r"section 'child' of .*: got 3, expected a mapping"),
    ],
)
def test_what_cannot_be_extended_is_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(params.ParamsError, match=said):
        params.section("child", _file(tmp_path, text))


NAMED = """
sets: {a: {train: {manifest: a.parquet, root: a}}, b: {all: {shards: b}}}
lists:
  colour: {p: 1}
  any: {class_path: C, init_args: {each: [{class_path: R}, {extends: lists.colour}]}}
base:
  augment: {extends: lists.any}
  train: {one: {extends: sets.a.train, weight: 2}}
child:
  extends: base
  train: {one: {extends: sets.b.all}, two: {extends: sets.a.train}}
"""


def test_a_place_inside_a_section_is_extended_anywhere(tmp_path: Path) -> None:
    path = _file(tmp_path, NAMED)
    augment = {"class_path": "C", "init_args": {"each": [{"class_path": "R"}, {"p": 1}]}}
    assert params.section("base", path) == {
        "augment": augment,
        "train": {"one": {"manifest": "a.parquet", "root": "a", "weight": 2}},
    }
    # `one` names another origin: neither the weight nor the manifest is mixed into it
    assert params.section("child", path) == {
        "augment": augment,
        "train": {"one": {"shards": "b"}, "two": {"manifest": "a.parquet", "root": "a"}},
    }


def test_lineage_names_places_inside_sections(tmp_path: Path) -> None:
    assert params.lineage("child", _file(tmp_path, NAMED)) == [
        "lists.colour", "lists.any", "sets.a.train", "base", "sets.b.all", "child",
    ]  # fmt: skip


def test_keys_below_what_is_no_mapping_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, "base: {data: nomapping}\nchild: {extends: base, data: {size: 1}}\n")
    with pytest.raises(
        params.ParamsError, match=r"base.data: got 'nomapping'.*child.data states size"
    ):
        params.section("child", path)


def test_null_takes_a_mapping_out_and_a_mapping_goes_over_null(tmp_path: Path) -> None:
    path = _file(tmp_path, "a: {x: {y: 1}, z: null}\nb: {extends: a, x: null, z: {y: 2}}\n")
    assert params.section("b", path) == {"x": None, "z": {"y": 2}}


def test_extends_in_a_circle(tmp_path: Path) -> None:
    path = _file(tmp_path, "a: {extends: b}\nb: {extends: a}\n")
    with pytest.raises(params.ParamsError, match="a -> b -> a"):
        params.section("a", path)


def test_a_place_that_holds_itself(tmp_path: Path) -> None:
    path = _file(tmp_path, "sets: {a: {extends: sets}}\nchild: {extends: sets.a}\n")
    with pytest.raises(params.ParamsError, match=r"child -> sets\.a -> sets -> sets"):
        params.section("child", path)


def _overlay(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.mine.yaml"
    path.write_text("extends: params.yaml\n" + text)
    return path


def test_an_overlay_states_what_differs(tmp_path: Path) -> None:
    _file(tmp_path, FAMILY)
    path = _overlay(
        tmp_path,
        """
base:
  trainer: {max_steps: 9}
  model: {net: {init_args: {heads: !delete , depth: 2}}}
more: !replace {trainer: {nodes: 4}}
other: !delete
new: {extends: child}
""",
    )
    assert params.section("child", path) == {
        "trainer": {"max_steps": 5, "devices": 1, "nodes": 4},
        "model": {"net": {"class_path": "A", "init_args": {"width": 8, "depth": 2}}, "terms": [3]},
    }
    assert params.section("new", path) == params.section("child", path)
    assert set(params.read_params(path)) == {"base", "more", "child", "empty", "new"}


def test_an_overlay_of_an_overlay(tmp_path: Path) -> None:
    _file(tmp_path, "a: {x: 1, y: 1, z: 1}\n")
    _overlay(tmp_path, "a: {x: 2, y: 2}\n")
    path = tmp_path / "params.more.yaml"
    path.write_text("extends: params.mine.yaml\na: {x: 3}\n")
    assert params.section("a", path) == {"x": 3, "y": 2, "z": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: {trainer: {max_stepz: !delete }}",
            r"base.trainer.max_stepz: got !delete, expected one of"),
        ("new: {a: {b: !delete }}", r"new.a.b: got !delete, expected it over a key"),
        ("new: {a: [!replace 1]}", r"new.a.0: got !replace"),
        ("base: {trainer: {devices: {a: 1}}}", r"base.trainer.devices: got 1, expected a mapping"),
        ("base: {trainer: !drop }", r"params.mine.yaml is not valid YAML: .*!drop"),
    ],
)  # fmt: skip
def test_an_overlay_that_does_not_fit_names_the_key(text: str, said: str, tmp_path: Path) -> None:
    _file(tmp_path, FAMILY)
    with pytest.raises(params.ParamsError, match=said):
        params.read_params(_overlay(tmp_path, text))


def test_an_overlay_copied_over_the_file_it_extends(tmp_path: Path) -> None:
    path = _file(tmp_path, "extends: params.yaml\na: {x: 1}\n")
    with pytest.raises(params.ParamsError, match="extends itself; bring it back"):
        params.section("a", path)
