"""The tracking server is killed in the middle of a training.

Nothing stops, nothing waits, nothing is lost.
"""

from pathlib import Path

import pytest

from benchmarks import server_away


@pytest.mark.slow  # 150 s of wall time on four shared cores
def test_killing_the_server_costs_neither_steps_nor_records(tmp_path: Path) -> None:
    result = server_away.measure(tmp_path, steps=120, away_s=20.0)
    assert result.exit_code == 0
    assert result.waiting > 0  # the server was really away
    assert result.away_s > 20.0
    assert 0 < result.away_ms < 2 * result.before_ms
    assert result.history == result.steps
    assert result.status == "FINISHED"
    assert result.left == 0
