"""Stage: measure what each model costs: parameters, operations, time and memory.

`python -m experiments.benchmark.cost.stage cost` writes `reports/cost.json`, settings from the
section `cost`. All models are measured in one run.
"""

import platform
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from experiments.benchmark.cost.memory import memory_mb, panoramas
from experiments.benchmark.models.resolve import load_predictor
from experiments.pipeline.processes import set_threads
from experiments.pipeline.stage import run_stage
from pano_data import remove_parts, track, write_json
from pano_models import CheckpointError, ModelNotFoundError

GIGA = 1e9


@dataclass(frozen=True)
class ForwardCost:
    """What one forward pass of one batch costs.

    Attributes:
        parameters: Number of parameters, frozen ones included.
        gflop: Floating-point operations per panorama; a multiplication and an addition count two.
            Matrix products, convolutions and attention are counted, the rest is not.
        latency_ms: Median time per panorama, over the rounds.
        latency_low_ms: Lower quartile of the same.
        latency_high_ms: Upper quartile.
        memory_mb: Peak of one forward pass beyond the loaded network, in a process of its own; None
            where the system cannot tell.
    """

    parameters: int
    gflop: float
    latency_ms: float
    latency_low_ms: float
    latency_high_ms: float
    memory_mb: float | None


@torch.inference_mode()
def gflop(network: nn.Module, rgb: Tensor) -> float:
    """Count the operations of one forward pass per panorama, in 1e9."""
    with FlopCounterMode(display=False) as counter:
        network(rgb)
    return float(counter.get_total_flops()) / len(rgb) / GIGA


@torch.inference_mode()
def latencies(
    networks: Mapping[str, nn.Module], rgb: Tensor, rounds: int, warm_up: int = 2
) -> dict[str, list[float]]:
    """Time each forward pass, in seconds by model.

    The models take turns, round after round, so a machine that slows down slows all of them alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for index in track(range(warm_up + rounds), "timing"):
        for name, network in networks.items():
            taken = _seconds(network, rgb)
            if index >= warm_up:
                seconds[name].append(taken)
    return seconds


def _seconds(network: nn.Module, rgb: Tensor) -> float:
    _synchronise(rgb.device)
    start = time.perf_counter()
    network(rgb)
    _synchronise(rgb.device)
    return time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def cost(
    models: list[str],
    size: tuple[int, int],
    batch: int = 1,
    rounds: int = 15,
    threads: int = 1,
    device: str = "cpu",
    out: str = "reports/cost.json",
) -> dict[str, Any]:
    """Measure all models in one run, on the same input, and write the result.

    Args:
        models: Names under `runs/`, or MODELs of `pano_models.load`.
        size: Height and width of the input.
        batch: Panoramas per forward pass.
        rounds: Timed forward passes of each model.
        threads: CPU threads.
        device: `cpu`, or a CUDA device.
        out: File of the result.
    """
    if rounds < 2:
        raise ValueError(f"got rounds={rounds}, expected at least 2: quartiles need them")
    set_threads(threads)
    networks = {name: load_predictor(name, device).network for name in models}
    rgb = panoramas(batch, size, device)
    seconds = latencies(networks, rgb, rounds)
    rows = {}
    for name in track(models, "counting"):
        low, median, high = (1e3 * s / batch for s in statistics.quantiles(seconds[name], n=4))
        rows[name] = ForwardCost(
            parameters=sum(p.numel() for p in networks[name].parameters()),
            gflop=round(gflop(networks[name], rgb), 4),
            latency_ms=round(median, 3),
            latency_low_ms=round(low, 3),
            latency_high_ms=round(high, 3),
            memory_mb=_rounded(memory_mb(name, size, batch, threads, device)),
        )
    result = {
        "measured": {
            "size": list(size),
            "batch": batch,
            "rounds": rounds,
            "threads": threads,
            "device": device_name(device),
            "torch": torch.__version__,
        },
        "models": {name: asdict(row) for name, row in rows.items()},
    }
    remove_parts(out)  # of a killed process
    write_json(out, result, sort_keys=False)
    return result


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def device_name(device: str) -> str:
    """Return the name of a GPU, or the architecture of the processor."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"CPU ({platform.machine()})"


if __name__ == "__main__":
    run_stage(cost, sys.argv[1], sys.argv[2:], CheckpointError, ModelNotFoundError)
