"""What one page says of another holds: pages that are named are linked, numbers agree."""

import re
from pathlib import Path

import pytest

from pano_data import datasets

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    p.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "packages/*/*.md", "experiments/**/*.md")
    for p in ROOT.glob(pattern)
)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"(?<!\[)`docs/[\w/.-]*(?:\.md|/)`")
_ABSREL = re.compile(r"^\| `\w+` \| (0\.\d{4}) \|", re.MULTILINE)


def named(text: str) -> list[str]:
    """Return the pages that a text names without a link to them."""
    return _NAMED.findall(_FENCE.sub("", text))


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_a_page_that_is_named_is_linked(page: str) -> None:
    assert named((ROOT / page).read_text()) == []


def test_names_without_a_link_are_seen() -> None:
    assert named("see `docs/faq.md` and `docs/papers/`") == ["`docs/faq.md`", "`docs/papers/`"]
    assert named("see [`docs/faq.md`](faq.md), `docs/worlds.jpg`\n```\n`docs/faq.md`\n```\n") == []


def test_readme_and_site_cite_the_papers_alike() -> None:
    entries = [
        (ROOT / page).read_text().partition("```bibtex\n")[2].partition("```")[0]
        for page in ("README.md", "docs/papers/README.md")
    ]
    assert entries[0] == entries[1]
    assert re.findall(r"arXiv[: ](?:preprint arXiv:)?(\d{4}\.\d{5})", entries[0]) == [
        "2509.26618",
        "2512.16913",
        "2406.12849",
    ]


def test_the_number_of_layouts_is_that_of_the_registry() -> None:
    layouts = len({*datasets.names()} - {"folder", "folder_depth"})
    assert f"readers of {layouts} layouts of data sets" in (ROOT / "README.md").read_text()
    assert f"the layouts of {layouts} data sets" in (ROOT / "docs/faq.md").read_text()


def test_the_spread_of_one_prediction_is_that_of_the_table() -> None:
    table = (ROOT / "docs/protocols.md").read_text().partition("begin spread")[2]
    scores = [float(score) for score in _ABSREL.findall(table)]
    assert len(scores) > 15
    low, high = (f"{score:.2f}".removeprefix("0") for score in (min(scores), max(scores)))
    assert f"scores an AbsRel from {low} to {high}" in (ROOT / "docs/faq.md").read_text()
    assert f"one prediction scores {low} or {high}" in (ROOT / "README.md").read_text()
