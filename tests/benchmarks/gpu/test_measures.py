"""The measurements of a card, on the CPU with tiny networks: what a rehearsal runs."""

import pytest
import torch

from benchmarks.gpu import measures

CPU = torch.device("cpu")


def results(name: str) -> dict[str, measures.GpuMeasure]:
    torch.manual_seed(0)
    return {r.name: r for r in measures.STEPS[name][0](CPU, True)}


def test_times_are_medians_after_a_warm_up(monkeypatch) -> None:
    clock = iter([0.0, 0.010, 1.0, 1.002, 2.0, 2.003])
    monkeypatch.setattr(measures.time, "perf_counter", lambda: next(clock))
    calls = []
    assert measures.milliseconds(lambda: calls.append(1), CPU, 3) == pytest.approx(3.0)
    assert len(calls) == 6


def test_a_card_is_timed_by_its_own_events(monkeypatch) -> None:
    order = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing
            self.at = 0.0

        def record(self) -> None:
            order.append("event")
            self.at = float(order.count("call") ** 2)

        def elapsed_time(self, end: "Event") -> float:
            assert order[-1] == "synchronize"
            return end.at - self.at

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: order.append("synchronize"))
    took = measures.milliseconds(lambda: order.append("call"), torch.device("cuda"), 3)
    assert took == 5**2 - 4**2  # the second of three, after three that warm up
    assert order == ["call"] * 3 + ["synchronize"] + ["event", "call", "event"] * 3 + [
        "synchronize"
    ]


def test_resamplings_are_compared_with_the_bytes_they_move(monkeypatch) -> None:
    monkeypatch.setattr(
        measures, "milliseconds", lambda run, device, rounds: run() is not None and 8.0
    )
    found = results("byte floor")
    shares = {"fresh rotations": 1.0, "fresh views": 1 / 8, "cube faces": 0.875}
    for name, share in shares.items():
        assert found[f"{name}, 64x128 x 4, ms"].value == 8.0
        floor = found[f"{name}, of its byte floor"]
        assert floor.value == pytest.approx(1 / share)
        assert (floor.goal, floor.at_most) == (2.5, True)


@pytest.mark.parametrize("name", ["dap", "da2"])
def test_latency_is_held_to_its_goal_and_throughput_counts_panoramas(name, monkeypatch) -> None:
    seen = []

    def timed(run, device, rounds):
        run()
        seen.append(torch.is_inference_mode_enabled())
        return 4.0

    monkeypatch.setattr(measures, "milliseconds", timed)
    found = results(f"latency of {name}")
    assert found[f"{name} latency, (128, 256)"].goal == measures.LATENCY_GOALS[name]
    assert found[f"{name} throughput, batch 2"].value == pytest.approx(2 / 4e-3)
    assert seen == [False] * 3


def test_a_training_step_trains_and_its_operations_are_counted(monkeypatch) -> None:
    torch.manual_seed(0)
    step = measures.training_step("da2", True, CPU)
    losses = [step().item() for _ in range(3)]
    assert losses[2] < losses[0]
    monkeypatch.setattr(measures, "milliseconds", lambda run, device, rounds: 1e3)
    monkeypatch.setitem(measures.PEAK_FLOPS, "cpu", 1e9)
    found = results("training")["da2 training, MFU"]
    assert found.goal == 0.45
    assert not found.at_most
    assert 0.1 < found.value < 1e4


def test_feeding_is_a_share_of_a_training_step(monkeypatch) -> None:
    took = iter([2.0, 40.0, 7.0])

    def timed(run, device, rounds):
        run()
        return next(took)

    monkeypatch.setattr(measures, "milliseconds", timed)
    found = results("feeding")
    assert found["augmentation, of a training step"].value == pytest.approx(0.05)
    assert found["metrics of a batch"].value == 7.0


def test_networks_run_on_fake_tensors_of_a_card_that_is_not_there() -> None:
    fake = measures.published_networks_without_memory(CPU, True, group="tiny")
    found = {r.name: r.value for r in fake}
    for name in measures.LATENCY_GOALS:
        forward, step = (
            found[f"{name} forward, fake cuda"],
            found[f"{name} training step, fake cpu"],
        )
        assert forward > 0
        assert 2 * forward < step < 4 * forward
