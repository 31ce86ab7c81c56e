"""A journal survives a kill in the middle of a line, and other numbers of ranks."""

from pathlib import Path

from experiments.benchmark.evaluate.ranks import Journal


def test_entries_of_all_ranks_in_order(tmp_path: Path) -> None:
    Journal(tmp_path, 1).append({"batch": 1, "value": 0.1 + 0.2})
    Journal(tmp_path, 0).append({"batch": 0, "value": float("nan")})
    entries = Journal(tmp_path, 0).entries()
    assert list(entries) == [0, 1]
    assert entries[1]["value"] == 0.1 + 0.2  # to the last digit
    assert entries[0]["value"] != entries[0]["value"]


def test_a_torn_line_costs_its_batch_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append({"batch": 0})
    with journal.path.open("a") as file:
        file.write('{"batch": 1, "sco')
    assert list(journal.entries()) == [0]
    journal.append({"batch": 2})
    assert list(journal.entries()) == [0, 2]
