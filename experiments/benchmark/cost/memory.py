"""Peak memory of one forward pass, measured in a process that does nothing else.

`python -m experiments.benchmark.cost.memory MODEL HEIGHT WIDTH BATCH THREADS DEVICE` prints
megabytes, or `unknown` where the system cannot tell.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments.benchmark.models.resolve import load_predictor
from experiments.pipeline.processes import set_threads

MEGA = 1e6
PROC = Path("/proc/self")
UNKNOWN = "unknown"


def panoramas(batch: int, size: tuple[int, int], device: str) -> Tensor:
    """Return the same noise for every model, `(batch, 3, h, w)` in [0, 1]."""
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)


def memory_mb(
    model: str, size: tuple[int, int], batch: int, threads: int, device: str
) -> float | None:
    """Measure the peak memory of one forward pass in a process of its own.

    What the loaded network takes is not counted.

    Args:
        model: A name under `runs/`, or a MODEL of `pano_models.load`.
        size: Height and width of the input.
        batch: Panoramas per forward pass.
        threads: CPU threads.
        device: `cpu`: resident memory; a CUDA device: what torch's allocator holds there.

    Returns:
        Megabytes; None where the system cannot tell.

    Raises:
        RuntimeError: The process failed, out of memory for example.
    """
    arguments = [model, *map(str, (*size, batch, threads)), device]
    command = [sys.executable, "-m", __name__, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"one forward pass of {model} at {size} failed: {last}")
    answer = done.stdout.split()[-1]
    return None if answer == UNKNOWN else float(answer)


@torch.inference_mode()
def forward_memory(network: Callable[[Tensor], Any], rgb: Tensor) -> float | None:
    """Return the megabytes that one forward pass takes at its peak, beyond those held before.

    None where the system cannot tell.
    """
    if rgb.is_cuda:
        network(rgb)  # libraries take their workspace at the first call
        held = torch.cuda.memory_allocated(rgb.device)
        torch.cuda.reset_peak_memory_stats(rgb.device)
        network(rgb)
        return (torch.cuda.max_memory_allocated(rgb.device) - held) / MEGA
    if not (PROC / "clear_refs").exists():
        return None
    before = _resident("VmRSS")
    (PROC / "clear_refs").write_text("5")  # the peak counts from here
    network(rgb)
    return (_resident("VmHWM") - before) / MEGA


def _resident(field: str) -> float:
    """Return the bytes of this process in memory: now (`VmRSS`) or at most (`VmHWM`)."""
    lines = (PROC / "status").read_text().splitlines()
    return 1024 * next(float(line.split()[1]) for line in lines if line.startswith(field))


def main(argv: list[str]) -> None:
    """Print the memory of one forward pass of the model that `argv` names."""
    model, height, width, batch, threads, device = argv
    set_threads(int(threads))
    rgb = panoramas(int(batch), (int(height), int(width)), device)
    memory = forward_memory(load_predictor(model, device).network, rgb)
    sys.stdout.write(f"{UNKNOWN if memory is None else memory}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
