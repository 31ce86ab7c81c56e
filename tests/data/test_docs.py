"""What the documentation promises of data sets is what the registry holds."""

import re
from pathlib import Path

import pytest

from pano_data import datasets
from pano_worlds import miniatures

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "datasets.md").read_text()


@pytest.mark.parametrize("name", datasets.names())
def test_every_data_set_is_listed_with_its_counts(name):
    lines = [line for line in DOCS.splitlines() if line.startswith("| ") and f"`{name}`" in line]
    assert len(lines) == 1
    for count in datasets.get(name).counts.values():
        assert f"{count:,}" in lines[0]


def test_every_data_set_has_a_miniature():
    assert miniatures.names() == datasets.names()


def test_every_reason_is_documented():
    sources = (ROOT / "packages/data/src/pano_data").rglob("*.py")
    raised = re.compile(r'CorruptSampleError\(\s*[^,]+,\s*"([a-z ]+)"')
    reasons = {reason for path in sources for reason in raised.findall(path.read_text())}
    assert len(reasons) > 10
    assert {r for r in reasons if f"`{r}`" not in DOCS} <= {
        "damaged archive",
        "many corrupt samples",
    }


def test_the_example_of_the_readme_runs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "packages/data/README.md").read_text()
    monkeypatch.chdir(tmp_path)
    exec(compile(text.split("``python\n")[1].split("``")[0], "README.md", "exec"), {})
    assert "scene_00000/485142/full/rawlight" in capsys.readouterr().out
