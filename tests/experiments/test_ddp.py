"""Two ranks of one panorama train as one rank of two: the same samples, the same weights up to rounding."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.experiments import tiny

pytestmark = pytest.mark.ddp


def without_drop_path() -> dict[str, object]:
    """The tiny model without random depth: that is drawn by rank."""
    model: dict[str, object] = tiny.sections()["tiny"]["model"]
    model["init_args"]["net"]["init_args"]["backbone_options"].pop("drop_path_rate")  # type: ignore[index]
    return model


def losses(folder: Path) -> list[float]:
    lines = (folder / "runs/tiny/loss.jsonl").read_text().splitlines()
    return [json.loads(line)["total"] for line in lines]


def test_two_ranks_equal_one(tmp_path: Path) -> None:
    alone, both = tmp_path / "alone", tmp_path / "both"
    for folder in (alone, both):
        tiny.prepare(folder, model=without_drop_path())
    done = tiny.train(alone)
    assert done.returncode == 0, done.stderr[-3000:]
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node=2",
        "-m",
    ]
    ranks = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--data.batch_size", "1"]
    done = subprocess.run(
        [*torchrun, *tiny.command()[2:], *ranks], cwd=both, env=tiny.environment(both),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    one = load_file(alone / "runs/tiny/model.safetensors")
    two = load_file(both / "runs/tiny/model.safetensors")
    # Over all weights: the loss does not feel the scale of the output, so AdamW turns the rounding of
    # that one direction into full steps.
    change = sum(float((two[name] - weight).square().sum()) for name, weight in one.items()) ** 0.5
    size = sum(float(weight.square().sum()) for weight in one.values()) ** 0.5
    assert change / size < 1e-4
    assert len(losses(both)) == tiny.STEPS  # rank 0 alone writes the log
    assert len(list((both / ".runs/tiny").iterdir())) == 1
