"""docs/papers/numbers.md says what the papers say and what params.paper.yaml states."""

from typing import Any

import pytest

from experiments.paper_numbers import (
    Fact,
    matching_places,
    numbers_without_fact,
    our_number,
    page,
    read_facts,
    read_numbers,
    same_number,
)
from experiments.paper_numbers.__main__ import PAGE, VALUES

NUMBERS, FACTS = read_numbers(VALUES), read_facts()


def test_the_page_is_that_of_the_facts_and_the_configuration() -> None:
    assert PAGE.read_text() == page(FACTS, NUMBERS), "run python -m experiments.paper_numbers"


def test_no_number_of_the_papers_sections_is_missing() -> None:
    assert numbers_without_fact(FACTS, NUMBERS) == []
    assert numbers_without_fact(
        {"a": FACTS["DAP (arXiv 2512.16913)"]}, NUMBERS
    )  # the rule sees what is


def test_a_number_that_is_not_the_papers_says_why_and_only_then() -> None:
    for paper, facts in FACTS.items():
        for fact in facts:
            differs = fact.says is not None and not same_number(fact, our_number(fact, NUMBERS))
            assert bool(fact.why) == differs, f"{paper}: {fact.what}"


@pytest.mark.parametrize("paper", FACTS)
def test_no_number_is_compared_with_itself(paper: str) -> None:
    """Changed in the configuration, a number is another one on the page; the paper's stays."""
    for fact in FACTS[paper]:
        places = {at for place in fact.ours + fact.times for at in matching_places(place, NUMBERS)}
        changed = {at: changed_number(n) if at in places else n for at, n in NUMBERS.items()}
        if places:
            assert our_number(fact, changed) != our_number(fact, NUMBERS), fact.what
            assert not same_number(fact, our_number(fact, changed)), fact.what
        else:  # in words, which agree with no number; or counted by another source than the paper
            assert bool(fact.run) != bool(fact.counts), fact.what
            assert not (fact.run and same_number(fact, our_number(fact, NUMBERS))), fact.what


def changed_number(number: Any) -> Any:
    if isinstance(number, list):
        return [changed_number(part) for part in number]
    return number + 1


def test_numbers_agree_as_numbers() -> None:
    assert same_number(Fact(what="", says=1.0), 1)
    assert same_number(Fact(what="", says=[512, 1024]), [512.0, 1024.0])
    assert not same_number(Fact(what="", says=5e-5), 5e-4)
    assert not same_number(Fact(what="", says=None), None)


def test_a_line_marks_what_differs() -> None:
    why = "one node"
    facts = {
        "P": [
            Fact(what="GPUs", says=32, where="section 4", ours=("a.devices",), why=why),
            Fact(what="rate", says=None, ours=("a.lr",), guess="usual"),
        ]
    }
    text = page(facts, {"a.devices": 8, "a.lr": 1e-4})  # type: ignore[arg-type]
    assert (
        "0 as the paper says, 0 that it counts as the releases do, 1 otherwise, 1 where it is "
        "silent." in text
    )
    assert "| GPUs | 32 | **8** | `a.devices` | section 4 | one node |" in text
    assert "| rate | not said | 0.0001 | `a.lr` |  | guess: usual |" in text
