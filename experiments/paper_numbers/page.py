"""docs/papers/numbers.md: paper says, we run, source, guess."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.paper_numbers.facts import NOT_SAID, Fact
from experiments.paper_numbers.ours import ours

HEAD = """# The papers' numbers, and ours

Written by `python -m experiments.paper_numbers` from `experiments/paper_numbers/facts.yaml` and
`params.paper.yaml`; a test holds it to both, and holds that no number of a section of the three
papers is missing here. `init_args` is left out of places.
"""


def agrees(fact: Fact, number: Any) -> bool:
    """Whether our number is the paper's."""
    return fact.says is not None and str(_plain(fact.says)) == str(_plain(number))


def _plain(number: Any) -> Any:
    if isinstance(number, Sequence) and not isinstance(number, str):
        return [_plain(part) for part in number]
    return float(number) if isinstance(number, int | float) else number


def page(facts: Mapping[str, Sequence[Fact]], numbers: Mapping[str, Any]) -> str:
    """Return the page: a table per paper."""
    parts = [HEAD]
    for paper, entries in facts.items():
        rows = [(fact, ours(fact, numbers)) for fact in entries]
        counts = [
            sum(agrees(*row) for row in rows),
            sum(fact.says is not None and not agrees(fact, n) for fact, n in rows),
            sum(fact.says is None for fact, _ in rows),
        ]
        parts.append(
            f"## {paper}\n\n{counts[0]} as the paper says, {counts[1]} otherwise, "
            f"{counts[2]} where it is silent.\n\n"
            "| number | paper says | we run | where ours stands | source | why, or the guess |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "".join(_line(*row) for row in rows)
        )
    return "\n".join(parts)


def _line(fact: Fact, number: Any) -> str:
    says = NOT_SAID if fact.says is None else _text(fact.says)
    run = _text(number) if agrees(fact, number) or fact.says is None else f"**{_text(number)}**"
    places = " x ".join(f"`{p}`" for p in fact.times) or ", ".join(f"`{p}`" for p in fact.ours)
    why = f"guess: {fact.guess}" if fact.guess else fact.why
    return f"| {fact.what} | {says} | {run} | {places} | {fact.where} | {why} |\n"


def _text(number: Any) -> str:
    if isinstance(number, Sequence) and not isinstance(number, str):
        return " x ".join(_text(part) for part in number)
    if isinstance(number, int) and number >= 10_000:
        return f"{number:,}"
    return f"{number:g}" if isinstance(number, float) else str(number)
