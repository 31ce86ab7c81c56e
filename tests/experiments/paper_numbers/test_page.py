"""docs/papers/numbers.md says what the papers say and what params.paper.yaml resolves to."""

from dataclasses import replace
from typing import Any

import pytest

from experiments.paper_numbers.__main__ import PAGE, VALUES, text
from experiments.paper_numbers.configuration import Configuration, read_configuration
from experiments.paper_numbers.facts import Fact, read_facts
from experiments.paper_numbers.page import numbers_without_fact, our_number, page, same_number

FACTS = read_facts()


@pytest.fixture(scope="module")
def config() -> Configuration:
    return read_configuration(VALUES)


def test_the_page_is_that_of_the_facts_the_configuration_and_the_tables() -> None:
    assert PAGE.read_text() == text(), "run python -m experiments.paper_numbers"


def test_no_number_of_the_papers_sections_is_missing(config: Configuration) -> None:
    assert numbers_without_fact(FACTS, config) == []
    assert numbers_without_fact(
        {"a": FACTS["DAP (arXiv 2512.16913)"]}, config
    )  # the rule sees what is


def test_what_is_not_the_papers_says_why_and_only_then(config: Configuration) -> None:
    for paper, facts in FACTS.items():
        for fact in facts:
            differs = fact.says is not None and not same_number(fact, our_number(fact, config))
            assert bool(fact.why) == differs, f"{paper}: {fact.what}"


@pytest.mark.parametrize("paper", FACTS)
def test_nothing_is_compared_with_itself(paper: str, config: Configuration) -> None:
    """Changed in the configuration, ours is another one on the page; the paper's stays."""
    for fact in FACTS[paper]:
        places = {at for place in fact.ours + fact.times for at in config.at(place)}
        if fact.drawn:
            places = set(config.at(f"da2.data.train.{fact.drawn}.weight"))
        if places:
            moved = with_other(config, places)
            assert our_number(fact, moved) != our_number(fact, config), fact.what
            assert not same_number(fact, our_number(fact, moved)), fact.what
        elif fact.run:  # in words, which agree with nothing that a paper says
            assert not same_number(fact, our_number(fact, config)), fact.what
        else:  # from the code, a network, or the release of a data set
            assert fact.counts or fact.code or fact.built or fact.pictures, fact.what


def with_other(config: Configuration, places: set[str]) -> Configuration:
    kinds = {
        name: {at: other(v) if at in places else v for at, v in getattr(config, name).items()}
        for name in ("numbers", "words", "defaults")
    }
    return replace(config, **kinds)


def other(value: Any) -> Any:
    if isinstance(value, list):
        return [other(part) for part in value]
    return f"{value} else" if value is None or isinstance(value, str) else value + 1


def test_numbers_agree_as_numbers_and_words_by_what_stands_for_them() -> None:
    assert same_number(Fact(what="", says=1.0), 1)
    assert same_number(Fact(what="", says=[512, 1024]), [512.0, 1024.0])
    assert not same_number(Fact(what="", says=5e-5), 5e-4)
    assert not same_number(Fact(what="", says=None), None)
    assert not same_number(
        Fact(what="", says="Adam", means="torch.optim.Adam"), "torch.optim.AdamW"
    )


def test_a_line_marks_what_differs() -> None:
    why = "one node"
    facts = {
        "P": [
            Fact(what="GPUs", says=32, where="section 4", ours=("a.devices",), why=why),
            Fact(what="rate", says=None, ours=("a.lr",), guess="usual"),
            Fact(what="optimiser", says="Adam", where="s", ours=("a.by",), means="optim.Adam"),
        ]
    }
    made = page(facts, Configuration({"a.devices": 8, "a.lr": 1e-4}, {"a.by": "optim.Adam"}))
    assert (
        "1 as the paper says, 0 that it counts as the releases do, 1 otherwise, 1 where it is "
        "silent." in made
    )
    assert "| GPUs | 32 | **8** | `a.devices` | section 4 | one node |" in made
    assert "| rate | not said | 0.0001 | `a.lr` |  | guess: usual |" in made
    assert "| optimiser | Adam | `optim.Adam` | `a.by` | s |  |" in made
