"""`python -m experiments.paper_numbers`: write docs/papers/numbers.md."""

import sys
from pathlib import Path

from experiments.paper_numbers.configuration import read_configuration
from experiments.paper_numbers.facts import read_facts
from experiments.paper_numbers.page import page
from experiments.paper_numbers.tables import results
from pano_data import write_text

ROOT = Path(__file__).parents[2]
VALUES = ROOT / "params.paper.yaml"
PAGE = ROOT / "docs/papers/numbers.md"


def text() -> str:
    """Return the page."""
    return page(read_facts(), read_configuration(VALUES)) + "\n" + results(VALUES)


def main() -> int:
    """Write the page; 0."""
    write_text(PAGE, text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
