"""Ranks that share a global batch train as one process does.

The same samples, the same weights up to rounding.
"""

from pathlib import Path

import pytest

from benchmarks import kill_trials, two_nodes
from tests.experiments import tiny

pytestmark = pytest.mark.ddp


def test_two_ranks_equal_one(tmp_path: Path) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder in (alone, both):
        tiny.prepare(folder, model=tiny.without_drop_path(), log_samples=True)
    assert kill_trials.finish([tiny.start(alone)]) == [0], (alone / "output").read_text()
    (done,) = tiny.train_on_nodes(both, 1, 2, "--data.batch_size", "1")
    assert done.returncode == 0, done.stdout[-3000:]
    # Over all weights: the loss does not feel the scale of the output, so AdamW turns the rounding
    # of that one direction into full steps.
    assert two_nodes.weight_difference(alone, both) < 3e-4
    assert two_nodes.batches(alone) == two_nodes.batches(both)
    assert two_nodes.losses(both) == pytest.approx(two_nodes.losses(alone), rel=1e-4)
    assert two_nodes.files(alone) == two_nodes.files(both)


@pytest.mark.slow  # 160 s of wall time on four shared cores
def test_two_nodes_of_two_processes_equal_one_process(tmp_path: Path) -> None:
    result = two_nodes.compare(tmp_path)
    assert result.same_samples == result.batches == tiny.STEPS
    assert result.lost == 0
    assert result.scores > 5
    assert result.score_difference < 1e-4
    assert result.loss_difference < 1e-4
    assert result.weight_difference < 1e-3
    assert (result.runs, result.extra_files) == (1, [])
