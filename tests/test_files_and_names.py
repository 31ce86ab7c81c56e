"""Rules of the house for files and names: a file can be read, a name stands for one thing."""

import ast
import collections
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_LINES = 300
SAME: dict[str, str] = {}
"""Names that may stand twice -> why."""


def sources() -> dict[str, str]:
    """Return the text of the Python files that git knows, by path."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert len(listed) > 500
    return {path: (ROOT / path).read_text() for path in listed if (ROOT / path).is_file()}


def definitions(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of classes and type aliases at the top level of a module.

    The meaning of an alias is what it stands for, so that `Floats = NDArray[np.float64]` may be
    written in several modules. A class means itself.
    """
    for node in ast.parse(text).body:
        match node:
            case ast.ClassDef(name=name):
                yield name, f"class at line {node.lineno}"
            case ast.Assign(
                targets=[ast.Name(id=name)], value=(ast.Subscript() | ast.BinOp()) as value
            ):
                if not name.isupper() and name[0].isupper():
                    yield name, ast.unparse(value).replace("npt.", "")


def defined_twice(texts: dict[str, str]) -> dict[str, list[str]]:
    """Return names with more than one meaning, and the files that give them one.

    Args:
        texts: Source by path.
    """
    found: dict[str, dict[str, list[str]]] = collections.defaultdict(dict)
    for path, text in texts.items():
        for name, meaning in definitions(text):
            own = f"{path}: {meaning}" if meaning.startswith("class ") else meaning
            found[name].setdefault(own, []).append(path)
    return {
        name: sorted(path for paths in meanings.values() for path in paths)
        for name, meanings in found.items()
        if len(meanings) > 1
    }


def test_no_file_is_longer_than_one_reads_at_once() -> None:
    lines = {path: text.count("\n") for path, text in sources().items()}
    assert {path: n for path, n in lines.items() if n > MOST_LINES} == {}, "cut them by idea"


def test_no_class_or_type_is_defined_twice() -> None:
    texts = {path: text for path, text in sources().items() if not path.startswith("tests/")}
    twice = {name: paths for name, paths in defined_twice(texts).items() if name not in SAME}
    assert twice == {}, "give each its own name"


@pytest.mark.parametrize(
    ("other", "twice"),
    [
        ("class Row:\n    pass\n", True),
        ("Row = dict[str, int]\n", True),
        ("Rows = list[int]\n", False),
        ("class _Row:\n    pass\n", False),
        ("ROW = TABLE[0]\n", False),
    ],
)
def test_a_second_meaning_is_seen(other: str, twice: bool) -> None:
    texts = {"a.py": "class Row:\n    pass\n\nRows = list[int]\n", "b.py": other}
    assert bool(defined_twice(texts)) is twice


def test_private_classes_of_one_name_are_seen() -> None:
    texts = {"a.py": "class _Planner:\n    pass\n", "b.py": "class _Planner:\n    pass\n"}
    assert defined_twice(texts) == {"_Planner": ["a.py", "b.py"]}
