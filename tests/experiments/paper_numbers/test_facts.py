"""An entry of the facts file has a source or a guess, and a place of ours."""

from pathlib import Path

import pytest

from experiments.paper_numbers.facts import FactError, read_facts


@pytest.mark.parametrize(
    "entry",
    [
        "{what: a, says: 1, ours: b}",  # no source
        "{what: a, says: null, ours: b}",  # silent, and no guess
        "{what: a, says: 1, where: t, ours: b, guess: c}",
        "{what: a, says: 1, where: t}",  # nowhere
        "{what: a, says: 1, where: t, ours: b, times: [c]}",
        "{what: a, says: 1, where: t, ours: b, code: 'c:d'}",
        "{what: a, says: 1, where: t, ours: b, wy: c}",
        "{what: a, where: t, ours: b}",
        "{what: a, says: 1, where: t, ours: b, by: c}",  # nothing is counted
        "{what: a, says: 1, where: t, counts: b/c, by: d}",  # by nobody
        "{what: a, says: b, where: t, run: c, means: d}",  # no place says it
    ],
)
def test_an_entry_that_lacks_something_is_refused(entry: str, tmp_path: Path) -> None:
    file = tmp_path / "facts.yaml"
    file.write_text(f"P:\n  - {entry}\n")
    with pytest.raises(FactError, match="P, a: "):
        read_facts(file)


def test_a_single_place_may_stand_without_a_list(tmp_path: Path) -> None:
    file = tmp_path / "facts.yaml"
    file.write_text("P:\n  - {what: a, says: 1, where: t, ours: b}\n")
    assert read_facts(file)["P"][0].ours == ("b",)
