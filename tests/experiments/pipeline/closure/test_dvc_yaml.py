from pathlib import Path

from experiments.pipeline.closure import dvc_yaml

TEXT = """stages:
  one:
    foreach: [a]
    do:
      deps:
        - data/x
        - packages/a/src
      outs:
        - y
  two:
    deps:
      - experiments/old.py
      - data/z # why
"""
CODE = {"one": ["packages/b"], "two": ["experiments/new.py"]}


def test_code_is_replaced_and_all_else_stays() -> None:
    text = dvc_yaml.written(TEXT, CODE)
    assert dvc_yaml.listed(text) == CODE
    assert dvc_yaml.written(text, CODE) == text
    left = [line for line in text.splitlines() if "packages/" not in line and "# code" not in line]
    kept = [line for line in TEXT.splitlines() if "packages/" not in line and "old.py" not in line]
    assert [line for line in left if "new.py" not in line] == kept


def test_a_package_is_named_where_all_of_it_counts() -> None:
    sources = [Path(p) for p in ("p/src/a/__init__.py", "p/src/a/x.py", "p/src/a/b/__init__.py")]
    assert dvc_yaml.collapse(sources, sources) == ["p/src/a"]
    assert dvc_yaml.collapse(sources[1:], sources) == ["p/src/a/b", "p/src/a/x.py"]
