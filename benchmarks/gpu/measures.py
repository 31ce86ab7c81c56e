"""The measurements of `scripts/gpu_check.sh`, each for a CUDA device or, smaller, for the CPU.

A rehearsal runs the same functions on the CPU with small networks, and the published networks with
fake tensors: shapes, types and every call are those of the card.
"""

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

import pano_geometry as pg
import pano_losses as pl
import pano_models as pm
from benchmarks.models import CASES, Case
from pano_models import geometry_key

PEAK_FLOPS = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L40S": 362e12, "4090": 165e12}
"""Dense bfloat16 with float32 sums, by the makers' data sheets."""
BATCH = {True: 2, False: 8}
LATENCY_GOALS = {"dap": 5.5, "da2": 7.5}


@dataclass(frozen=True)
class GpuMeasure:
    """One line of the table.

    Attributes:
        name: what was measured.
        value: number.
        unit: of it.
        goal: bound that the value must keep; None if none is set.
        at_most: whether the goal is an upper bound.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_most: bool = True

    @property
    def passed(self) -> bool:
        """Whether the value keeps the goal."""
        if self.goal is None:
            return True
        return self.value <= self.goal if self.at_most else self.value >= self.goal


def milliseconds(run: Callable[[], Any], device: torch.device, rounds: int) -> float:
    """Return the median time of a call; on a card by its own events."""
    for _ in range(3):
        run()
    if device.type == "cpu":
        took = []
        for _ in range(rounds):
            start = time.perf_counter()
            run()
            took.append(1e3 * (time.perf_counter() - start))
        return statistics.median(took)
    starts, ends = ([torch.cuda.Event(enable_timing=True) for _ in range(rounds)] for _ in range(2))
    torch.cuda.synchronize()
    for start, end in zip(starts, ends, strict=True):
        start.record()
        run()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(a.elapsed_time(b) for a, b in zip(starts, ends, strict=True))


def byte_floor(device: torch.device, small: bool) -> Iterator[GpuMeasure]:
    """Yield fresh resamplings over the time in which this card copies as many bytes."""
    height = 64 if small else 2048
    rounds = 3 if small else 30
    image = torch.rand(4, 3, height, 2 * height, device=device)
    copy = milliseconds(lambda: image.clone(), device, rounds)
    turns = iter(
        pg.random_rotation(4 * 200, torch.Generator().manual_seed(1)).unflatten(0, (-1, 4))
    )
    view = pg.Perspective.from_fov(height // 2, height // 2, 1.5)
    source = pg.Equirectangular(height, 2 * height)

    def turn() -> torch.Tensor:
        return next(turns).to(device)

    tasks = {
        "fresh rotations": (lambda: pg.rotate(image, turn()), 1.0),
        "fresh views": (lambda: pg.erp_to_perspective(image, view, turn()), 1 / 8),
        "cube faces": (lambda: pg.erp_to_cube(image, height // 2), 0.875),
        "half precision": (lambda: pg.resample(image.half(), source, source, turn()), 1.0),
    }
    for name, (run, share) in tasks.items():
        took = milliseconds(run, device, rounds)
        yield GpuMeasure(f"{name}, {height}x{2 * height} x 4, ms", took, "ms")
        yield GpuMeasure(f"{name}, of its byte floor", took / (copy * max(share, 1e-9)), "x", 2.5)


def _case(name: str, small: bool) -> Case:
    return _case_of(name, "tiny" if small else "large")


def _case_of(name: str, group: str) -> Case:
    return next(case for case in CASES if case.name == name and case.group == group)


def latency(device: torch.device, small: bool, name: str) -> Iterator[GpuMeasure]:
    """Yield latency of one panorama and throughput of a batch, in bfloat16: as it is, compiled.

    On a card the compiled network replays CUDA graphs; a rehearsal captures it without a compiler.
    """
    case = _case(name, small)
    network = pm.create(case.name, **case.config).eval().to(device)
    how = {"backend": "eager"} if device.type == "cpu" else {"mode": "reduce-overhead"}
    rounds = 3 if small else 20

    def took(run: Callable[[torch.Tensor], Any], batch: int) -> float:
        rgb = torch.rand(batch, 3, *case.size, device=device)

        def forward() -> None:
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
                run(rgb)

        return milliseconds(forward, device, rounds)

    yield GpuMeasure(f"{name} latency, eager, {case.size}", took(network, 1), "ms")
    compiled = torch.compile(network, dynamic=False, **how)
    goal = LATENCY_GOALS[name]
    yield GpuMeasure(f"{name} latency, {case.size}", took(compiled, 1), "ms", goal)
    batch = BATCH[small]
    yield GpuMeasure(
        f"{name} throughput, batch {batch}", 1e3 * batch / took(compiled, batch), "per s"
    )


def training_step(name: str, small: bool, device: torch.device) -> Callable[[], torch.Tensor]:
    """Return one step of a training: forward in bfloat16, L1 of distances, backward, AdamW."""
    case = _case(name, small)
    network = pm.create(case.name, **case.config).train().to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=device.type == "cuda")
    rgb = torch.rand(BATCH[small], 3, *case.size, device=device)
    target = torch.rand(BATCH[small], 1, *case.size, device=device) + 1

    def step() -> torch.Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            out = network(rgb)
        distance = out[geometry_key(out)].float()
        loss: torch.Tensor = (distance - target).abs().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return loss

    return step


def training(device: torch.device, small: bool) -> Iterator[GpuMeasure]:
    """Yield the share of the card's arithmetic that a training step uses (MFU)."""
    step = training_step("da2", small, device)
    with FlopCounterMode(display=False) as counter:
        step()
    operations = counter.get_total_flops()
    took = milliseconds(step, device, 3 if small else 10)
    yield GpuMeasure(f"da2 training step, batch {BATCH[small]}", took, "ms")
    card = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    peak = next((value for word, value in PEAK_FLOPS.items() if word in card), None)
    if peak is not None:
        yield GpuMeasure("da2 training, MFU", operations / (took * 1e-3) / peak, "", 0.45, False)


def feeding(device: torch.device, small: bool) -> Iterator[GpuMeasure]:
    """Yield how many rotated and scored panoramas the card makes for each one it trains on."""
    size = _case("da2", small).size
    image = torch.rand(BATCH[small], 4, *size, device=device)

    def augment() -> None:
        pg.rotate(image, pg.random_rotation(BATCH[small]).to(device))

    rounds = 3 if small else 20
    made = milliseconds(augment, device, rounds)
    trained = milliseconds(training_step("da2", small, device), device, rounds // 2)
    yield GpuMeasure("augmentation, of a training step", made / trained, "x", 0.1)
    distance, valid = image[:, :1] + 1, image[:, 1:2] > 0.1
    scored = milliseconds(
        lambda: pl.evaluate(distance, distance + 0.1, valid, protocol="da2_paper"), device, rounds
    )
    yield GpuMeasure("metrics of a batch", scored, "ms")


def published_networks_without_memory(
    device: torch.device, small: bool, group: str = "large"
) -> Iterator[GpuMeasure]:
    """Yield the operations of the published networks on fake tensors, which hold no numbers.

    Forward as on a card; backward as on the CPU, since autograd asks for the card itself.
    """
    del device, small  # numbers of another device at another size is what fake tensors are for
    for name, fake in itertools.product(LATENCY_GOALS, ("cuda", "cpu")):
        case = _case_of(name, group)
        with torch.device("meta"):  # building a network reads numbers, which fake tensors have not
            network = pm.create(case.name, **case.config).train()
        network.input.checked = True  # its warning about value ranges reads values
        with FakeTensorMode(allow_non_fake_inputs=True), FlopCounterMode(display=False) as counter:
            network.to_empty(device=fake)
            rgb = torch.rand(1, 3, *case.size, device=fake)
            with torch.autocast(fake, torch.bfloat16):
                out = network(rgb)
            if fake == "cpu":
                out[geometry_key(out)].float().mean().backward()
        part = "forward" if fake == "cuda" else "training step"
        yield GpuMeasure(f"{name} {part}, fake {fake}", counter.get_total_flops() / 1e12, "TFLOP")


Measure = Callable[[torch.device, bool], Iterator[GpuMeasure]]
"""A device, and whether to measure in small, to results one after the other."""

STEPS: dict[str, tuple[Measure, int]] = {
    "byte floor": (byte_floor, 40),
    "latency of dap": (partial(latency, name="dap"), 110),
    "latency of da2": (partial(latency, name="da2"), 110),
    "training": (training, 60),
    "feeding": (feeding, 40),
}
"""Each step and the seconds it may take; the contract tests have the rest of eight minutes."""

REHEARSED: dict[str, tuple[Measure, int]] = {
    "published networks, fake": (published_networks_without_memory, 60),
}
"""What only a rehearsal does."""
