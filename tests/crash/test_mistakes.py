"""T6 itself: every key is found, changed in place, and its ending is judged by what is said."""

from collections import Counter
from pathlib import Path

import pytest

from tests.crash import mistakes
from tests.crash.keys import CHANGES, FILES, Mistake, every_mistake


def one(place: str, how: str, file: str = FILES[0]) -> Mistake:
    wanted = tuple(place.split("."))
    (found,) = [m for m in every_mistake() if (m.file, m.place, m.how) == (file, wanted, how)]
    return found


def test_every_key_is_changed_in_each_way() -> None:
    counts = Counter(mistake.how for mistake in every_mistake())
    assert set(counts) == set(CHANGES)
    assert len(set(counts.values())) == 1
    assert {mistake.file for mistake in every_mistake()} == set(FILES)
    assert mistakes.blocks() == -(-len(every_mistake()) // mistakes.BLOCK)
    # A section, a loop, a key of a section, and one that another section takes over.
    for place in ("da2", "pipeline.students", "da2.run_name", "augmentations.colour.class_path"):
        assert one(place, "renamed")


@pytest.mark.parametrize(
    ("how", "word", "left"),
    [("deleted", "run_name", None), ("renamed", "run_name_x", "da2"),
     ("mistyped", "run_name", {"no": "mapping"})],
)  # fmt: skip
def test_a_change(how: str, word: str, left: object) -> None:
    changed, told = one("da2.run_name", how).sections()
    assert told == word
    assert changed["da2"].get(word) == left


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("error in section da2: data.sise: no such key", mistakes.NAMED),
        ("error in section da2: data: no such key", mistakes.AROUND),
        ("error in section da2: datas: something", "'datas: something' does not name sise"),
    ],
)
def test_a_line_is_judged_by_whole_words(line: str, expected: str) -> None:
    assert mistakes.told([line], ("da2", "data", "sise"), "sise").startswith(expected)


def test_endings(tmp_path: Path) -> None:
    found = [
        one("pipeline.students", "renamed"),  # told before any stage
        one("worlds.zind.scenes", "renamed"),  # told by the stage
        one("worlds.zind.views", "deleted"),
        one("datasets.zind.train.root", "mistyped"),
    ]
    named, default = mistakes.NAMED, mistakes.DEFAULT
    assert mistakes.judged(found, tmp_path) == [named, named, default, named]


@pytest.mark.parametrize(
    ("file", "place", "expected"),
    [
        (FILES[0], ("da2", "data", "train", "hypersim"), mistakes.NOTED),
        (FILES[0], ("dap_realism", "data", "train", "selected"), mistakes.FREE),
        (FILES[2], ("pipeline", "alternatives", "released"), mistakes.FREE),
        (FILES[0], ("first_stages", "*encoder.bn1.*"), mistakes.PATTERN),
        (FILES[0], ("common", "data", "size"), "accepted by all"),
    ],
)
def test_a_name_that_all_stages_accept(file: str, place: tuple[str, ...], expected: str) -> None:
    assert mistakes._accepted(Mistake(file, place, "renamed", ())).startswith(expected)
