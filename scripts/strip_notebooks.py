"""Take outputs and counters out of notebooks; exit with 1 if any had some.

python scripts/strip_notebooks.py [NOTEBOOK...]      # default: docs/notebooks/*.ipynb
"""

import sys
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "docs/notebooks"


def strip(path: Path) -> bool:
    """Write the notebook without outputs; tell whether it changed."""
    before = path.read_text()
    notebook = nbformat.reads(before, as_version=4)
    for cell in notebook.cells:
        cell.metadata.clear()
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after)
    return after != before


def main(arguments: list[str]) -> int:
    paths = [Path(a) for a in arguments] or sorted(NOTEBOOKS.glob("*.ipynb"))
    changed = [path for path in paths if strip(path)]
    for path in changed:
        print(f"{path} had outputs: add it again")
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
