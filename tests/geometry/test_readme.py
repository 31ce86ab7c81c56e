"""The README promises what runs."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "packages" / "geometry" / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_readme_has_examples_of_about_ten_lines() -> None:
    assert len(EXAMPLES) >= 4
    assert all(len(example.strip().splitlines()) <= 12 for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_readme_example_runs(example: str) -> None:
    if "import numpy" in example:
        pytest.importorskip("numpy")
    exec(compile(example, str(README), "exec"), {})
