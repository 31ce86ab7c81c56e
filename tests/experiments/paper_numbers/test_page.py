"""docs/papers/numbers.md says what the papers say and what params.paper.yaml states."""

from experiments.paper_numbers.__main__ import PAGE, VALUES
from experiments.paper_numbers.facts import Fact, read_facts
from experiments.paper_numbers.ours import ours, read_numbers, unnamed
from experiments.paper_numbers.page import agrees, page

NUMBERS, FACTS = read_numbers(VALUES), read_facts()


def test_the_page_is_that_of_the_facts_and_the_configuration() -> None:
    assert PAGE.read_text() == page(FACTS, NUMBERS), "run python -m experiments.paper_numbers"


def test_no_number_of_the_papers_sections_is_missing() -> None:
    assert unnamed(FACTS, NUMBERS) == []
    assert unnamed({"a": FACTS["DAP (arXiv 2512.16913)"]}, NUMBERS)  # the rule sees what is


def test_a_number_that_is_not_the_papers_says_why_and_only_then() -> None:
    for paper, facts in FACTS.items():
        for fact in facts:
            differs = fact.says is not None and not agrees(fact, ours(fact, NUMBERS))
            assert bool(fact.why) == differs, f"{paper}: {fact.what}"


def test_numbers_agree_as_numbers() -> None:
    assert agrees(Fact(what="", says=1.0), 1)
    assert agrees(Fact(what="", says=[512, 1024]), [512.0, 1024.0])
    assert not agrees(Fact(what="", says=5e-5), 5e-4)
    assert not agrees(Fact(what="", says=None), None)


def test_a_line_marks_what_differs() -> None:
    why = "one node"
    facts = {
        "P": [
            Fact(what="GPUs", says=32, where="section 4", ours=("a.devices",), why=why),
            Fact(what="rate", says=None, ours=("a.lr",), guess="usual"),
        ]
    }
    text = page(facts, {"a.devices": 8, "a.lr": 1e-4})  # type: ignore[arg-type]
    assert "0 as the paper says, 1 otherwise, 1 where it is silent." in text
    assert "| GPUs | 32 | **8** | `a.devices` | section 4 | one node |" in text
    assert "| rate | not said | 0.0001 | `a.lr` |  | guess: usual |" in text
