"""Tables of the pages are whole: rows outside of a table, or of another width, show as text."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    p.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "packages/*/*.md", "experiments/**/*.md")
    for p in ROOT.glob(pattern)
)
_RULE = re.compile(r"\|( ?:?-+:? ?\|)+")


def faults(text: str) -> list[str]:
    """Return the lines of Markdown tables that do not belong to one: without rule, or too wide."""
    wrong, fenced, width, table = [], False, 0, list[str]()
    for line in [*text.splitlines(), ""]:
        fenced ^= line.lstrip().startswith("```")
        row = line.strip()
        if not fenced and row.startswith("|"):
            table.append(row)
            continue
        if table:
            width = _cells(table[0])
            if len(table) < 2 or not _RULE.fullmatch(table[1]):
                wrong.append(table[0])
            wrong += [row for row in table if _cells(row) != width]
            table = []
    return wrong


def _cells(row: str) -> int:
    return row.replace(r"\|", "").count("|") - 1


@pytest.mark.parametrize("page", PAGES)
def test_tables_are_whole(page: str) -> None:
    assert faults((ROOT / page).read_text()) == []


def test_what_stands_outside_of_a_table_is_seen() -> None:
    table = "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"
    assert faults(table) == []
    assert faults(table + "\n| 3 | 4 |\n") == ["| 3 | 4 |"]
    assert faults(table + "| 3 | 4 | 5 |\n") == ["| 3 | 4 | 5 |"]
    assert faults("```\n| a |\n```\n") == []
    assert len(PAGES) > 40
