"""What ran is known to the next call."""

from pathlib import Path

from benchmarks.rehearsal.processes import CommandResult
from benchmarks.rehearsal.record import Record


def test_a_second_call_knows_what_the_first_did(tmp_path: Path) -> None:
    record = Record(tmp_path)
    record.ran("a", CommandResult(0, 1.0, 2.0, 3.0), "")
    record.ran("b", CommandResult(1, 1.0, 2.0, 3.0), "no such file")
    record.blocked("c", "no data/b")
    record.note_call(5.0)
    again = Record(tmp_path)
    assert [again.done(name) for name in "abcd"] == [True, False, False, False]
    assert again.failed() == ["b", "c"]
    again.ran("b", CommandResult(0, 1.0, 2.0, 3.0), "")
    again.looked("c", "")
    again.note_call(2.0)
    assert Record(tmp_path).summary() == {
        "ran": 3, "failed": 0, "blocked": 0, "cpu_s": 4, "calls_s": [5.0, 2.0],
    }  # fmt: skip
    assert "| b | ran | 1.0 | 2.0 | 3 |" in Record(tmp_path).table()
    again.looked("c", "two rows")
    assert "| c | failed: two rows |" in again.table()
