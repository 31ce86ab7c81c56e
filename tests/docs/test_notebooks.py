"""Notebooks run from top to bottom, and are stored without outputs."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.ipynb"))
nbformat = pytest.importorskip("nbformat", reason="`uv sync` installs it (dependency group dev)")


def _read(path):
    return nbformat.read(path, as_version=4)


def test_there_are_three():
    assert len(NOTEBOOKS) == 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_holds_no_outputs(path):
    for cell in _read(path).cells:
        assert cell.metadata == {}
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None


@pytest.mark.slow  # 60 s of CPU time for the three
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    from nbclient import NotebookClient

    notebook = _read(path)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert any(o.output_type == "display_data" or "image/png" in o.get("data", {}) for o in said)
    assert any(o.output_type == "stream" for o in said)
