from pathlib import Path

import pytest

from experiments.pipeline.closure import digest

BEFORE = '''"""A module."""
import math


def area(r: float) -> float:
    """The area."""
    return math.pi * r**2
'''


def of(folder: Path, number: int, text: str, name: str = "a.py") -> str:
    path = folder / str(number) / name
    path.parent.mkdir()
    path.write_text(text)
    return digest.files_digest(path.parent, [Path(name)])


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('"""The area."""', '"""The area of a disc."""\n    # in m²', True),
        ('"""A module."""', "# no docstring", True),
        ("math.pi * r**2", "(math.pi *\n        r**2)", True),
        ("r**2", "r**3", False),
        ("math.pi", "math.e", False),
    ],
)
def test_only_what_code_does_counts(tmp_path: Path, old: str, new: str, same: bool) -> None:
    found = of(tmp_path, 1, BEFORE), of(tmp_path, 2, BEFORE.replace(old, new))
    assert (found[0] == found[1]) is same


def test_data_count_by_their_bytes(tmp_path: Path) -> None:
    one, two = (of(tmp_path, i, f"# {i}", "a.yaml") for i in (1, 2))
    assert one != two


def test_another_place_is_another_digest(tmp_path: Path) -> None:
    assert of(tmp_path, 1, "x = 1", "a.py") != of(tmp_path, 2, "x = 1", "b.py")


def test_code_of_others_is_left_out() -> None:
    names = ["torch.nn", "pano_models.da2", "experiments.pipeline", "builtins"]
    assert digest.own_code(names) == ["experiments.pipeline", "pano_models.da2"]
