"""`python -m experiments.paper_numbers`: write docs/papers/numbers.md."""

import sys
from pathlib import Path

from experiments.paper_numbers.facts import read_facts
from experiments.paper_numbers.ours import read_numbers
from experiments.paper_numbers.page import page
from pano_data import write_text

ROOT = Path(__file__).parents[2]
VALUES = ROOT / "params.paper.yaml"
PAGE = ROOT / "docs/papers/numbers.md"


def main() -> int:
    """Write the page; 0."""
    write_text(PAGE, page(read_facts(), read_numbers(VALUES)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
