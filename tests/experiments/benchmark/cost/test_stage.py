import json

import pytest
import torch
from torch import nn

import pano_models
from experiments.benchmark.cost import stage as stage
from experiments.benchmark.cost.memory import panoramas
from experiments.benchmark.cost.stage import cost, gflop, latencies

UNIFUSE = {"backbone": "resnet18", "width": 0.125}
SIZE = (32, 64)


class Recorder(nn.Module):
    """Writes down whose turn it is."""

    def __init__(self, name, turns):
        super().__init__()
        self.name, self.turns = name, turns

    def forward(self, rgb):
        self.turns.append(self.name)
        return rgb


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("cost") / "unifuse"
    torch.manual_seed(0)
    pano_models.save(pano_models.create("unifuse", **UNIFUSE), path)
    return path


def test_operations_of_a_convolution_are_those_of_its_formula():
    network = nn.Conv2d(3, 5, 3, padding=1)
    expected = 2 * 5 * 3 * 9 * SIZE[0] * SIZE[1]
    assert gflop(network, panoramas(2, SIZE, "cpu")) * 1e9 == pytest.approx(expected)


def test_models_take_turns_and_warm_up_does_not_count():
    turns = []
    networks = {name: Recorder(name, turns) for name in "ab"}
    seconds = latencies(networks, panoramas(1, SIZE, "cpu"), rounds=3, warm_up=2)
    assert turns == list("ab" * 5)
    assert {name: len(s) for name, s in seconds.items()} == {"a": 3, "b": 3}
    assert min(min(s) for s in seconds.values()) > 0


def test_every_model_sees_the_same_input():
    assert torch.equal(panoramas(2, SIZE, "cpu"), panoramas(2, SIZE, "cpu"))


def test_the_stage_writes_every_column(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "memory_mb", lambda *args: 12.3456)
    out = tmp_path / "reports" / "cost.json"
    half = out.with_name(".cost.0123abcd.part.json")  # of a killed process
    half.parent.mkdir()
    half.touch()
    cost([str(folder)], SIZE, rounds=3, out=str(out))
    result = json.loads(out.read_text())
    assert list(out.parent.iterdir()) == [out]
    row = result["models"][str(folder)]
    network = pano_models.load(str(folder))
    assert row["parameters"] == sum(p.numel() for p in network.parameters()) > 0
    assert row["gflop"] > 0
    assert row["memory_mb"] == 12.35
    assert 0 < row["latency_low_ms"] <= row["latency_ms"] <= row["latency_high_ms"]
    assert result["measured"]["size"] == list(SIZE)


def test_one_round_is_refused(folder):
    with pytest.raises(ValueError, match="at least 2"):
        cost([str(folder)], SIZE, rounds=1)
