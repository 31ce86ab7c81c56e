"""Pages that are pasted from top to bottom run so, in an empty folder."""

from pathlib import Path

import pytest

from experiments.pipeline.pages import NOT_RUN, SELF_CONTAINED, blocks, run_page

ROOT = Path(__file__).parents[2]
COOKBOOK = [page for page in SELF_CONTAINED if "cookbook" in page]


def _failures(page, folder):
    outcomes = list(run_page(page, ROOT, folder))
    assert outcomes
    return [f"{page}:{o.block.line}\n{o.said}" for o in outcomes if o.code]


def test_start_in_5_minutes(tmp_path):
    assert _failures("docs/start.md", tmp_path) == []


@pytest.mark.slow  # 90 s of CPU time: torch starts eight times, a training of four steps
def test_cookbook(tmp_path):
    assert [f for page in COOKBOOK for f in _failures(page, tmp_path)] == []


def test_the_cookbook_has_twenty_recipes_and_its_index_names_them():
    found = []
    for page in COOKBOOK:
        text = (ROOT / page).read_text()
        found += [line[3:] for line in text.splitlines() if line[:3] == "## " and line[3].isdigit()]
    assert [title.split(".")[0] for title in found] == [str(n) for n in range(1, 21)]
    index = (ROOT / "docs/cookbook/README.md").read_text().lower()
    assert [t for t in found if f"[{t.partition('. ')[2].lower()}]" not in index] == []


PAGE = f"""
```python
x = 1
print(x)
```

=== "Tab"

    ```sh title="{NOT_RUN}needs a GPU"
    nvidia-smi
    ```

```sh
echo $((x + 2)) > made
cat made; exit 3
```

```text
a -> b
```
"""


def test_blocks_keep_line_language_and_reason():
    first, tab, shell, text = blocks("page.md", PAGE)
    assert (first.language, first.line, first.text) == ("python", 3, "x = 1\nprint(x)\n")
    assert (tab.why_not, tab.text) == ("needs a GPU", "nvidia-smi\n")
    assert shell.why_not is None
    assert text.language == "text"


def test_what_fails_is_told_and_what_cannot_run_is_left_out(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    work = tmp_path / "work"
    work.mkdir()
    good, bad = run_page("page.md", tmp_path, work)
    assert (good.code, good.said) == (0, "1")
    assert (bad.code, bad.said) == (3, "2")
    assert (work / "made").read_text() == "2\n"
    (tmp_path / "page.md").write_text("```python\nprint(1)\nraise KeyError('k')\n```\n")
    (raised,) = run_page("page.md", tmp_path, work)
    assert raised.code == 1
    assert raised.said.splitlines()[0] == "1"
    assert raised.said.endswith("KeyError: 'k'")
