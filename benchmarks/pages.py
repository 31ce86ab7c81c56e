"""Pages of docs/benchmarks whose lower part is written by hand and outlives the next run."""

from pathlib import Path

BY_HAND = "<!-- What follows is written by hand. -->"


def write_page(page: Path, *parts: str) -> None:
    """Write what was measured; what stands below the line `BY_HAND` stays."""
    old = page.read_text() if page.exists() else ""
    notes = old.split(BY_HAND, 1)[1].rstrip() if BY_HAND in old else ""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n\n".join([*parts, BY_HAND + notes]) + "\n")
