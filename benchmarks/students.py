"""Time the four students in every form against the released form of the same network.

Forms of a case run in turn, round after round; medians of CPU seconds are printed (one thread, so a
busy machine counts little), on a GPU medians of wall time. Memory is the peak beyond the loaded
network, in a fresh process per form. Usage:

    python -m benchmarks.students [--cases small published training] [--modes float32 ...]
        [--rounds 5] [--no-memory] [--out FILE.md]
"""

import argparse
import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

import pano_models as pm
from experiments.benchmark.cost.memory import forward_memory
from pano_models import geometry_key

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SMALL: dict[str, dict[str, Any]] = {
    "unifuse": {"width": 0.25},
    "bifuse_plus": {"width": 0.25, "backbone": "resnet18"},
    "hohonet": {
        "width": 0.25,
        "backbone": "resnet18",
        "height": 128,
        "horizon_channels": 256,
        "latent_channels": 64,
        "feedforward": 512,
    },
    "egformer": {"embed_dim": 16},
}
FORMS: dict[str, list[str]] = {
    "unifuse": ["released", "exact", "equivariant"],
    "bifuse_plus": ["released", "exact", "equivariant"],
    "hohonet": ["released", "equivariant"],
    "egformer": ["released", "exact", "equivariant"],
}
OPTIONS: dict[str, dict[str, bool]] = {
    "released": {"faithful": True},
    "exact": {},
    "equivariant": {"equivariant": True},
}
TITLES = {"small": "Small networks, 128x256", "published": "Published networks, 512x1024"}
MODES = ["float32", "channels last", "bfloat16 encoder"]


@dataclass
class NetworkTiming:
    """What was measured of one form of a network."""

    name: str
    form: str
    mode: str
    seconds: list[float] = field(default_factory=list)
    gflops: float = float("nan")
    megabytes: float = float("nan")
    drift: float = float("nan")


def build(name: str, form: str, published: bool, mode: str = "float32") -> pm.DepthModel:
    """Build the network of a case with random weights."""
    torch.manual_seed(0)
    options: dict[str, Any] = {} if published else dict(SMALL[name])
    if (name, form) != ("hohonet", "released"):
        options |= OPTIONS[form]
    if mode == "bfloat16 encoder":
        options["precision"] = "bfloat16"
    return pm.create(name, **options).to(DEVICE)


def clock() -> float:
    """Return CPU seconds of this process, or wall seconds once the GPU is idle."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def forward(model: pm.DepthModel, mode: str) -> Callable[[torch.Tensor], torch.Tensor]:
    """Run one inference in a mode."""
    if mode == "channels last":
        model = model.to(memory_format=torch.channels_last)

    def run(rgb: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            out = model(rgb)
        return out[geometry_key(out)]

    return run


def train_step(model: pm.DepthModel) -> Callable[[torch.Tensor], torch.Tensor]:
    """Run forward, backward and Adam on a batch."""
    optimizer = torch.optim.Adam(model.train().parameters(), lr=1e-4)

    def run(rgb: torch.Tensor) -> torch.Tensor:
        out = model(rgb)
        loss = out[geometry_key(out)].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run


def measure(
    runs: dict[tuple[str, str], Callable[[torch.Tensor], torch.Tensor]],
    name: str,
    rgb: torch.Tensor,
    rounds: int,
) -> list[NetworkTiming]:
    """Time all runs of a network in turn; drift is the mean relative change against the first."""
    rows = {key: NetworkTiming(name, *key) for key in runs}
    reference: torch.Tensor | None = None
    for key, run in runs.items():
        with FlopCounterMode(display=False) as counter:
            out = run(rgb)
        rows[key].gflops = counter.get_total_flops() / 1e9
        reference = out if reference is None else reference
        rows[key].drift = float((out - reference).abs().mean() / reference.abs().mean())
    for _ in range(rounds):
        for key, run in runs.items():
            start = clock()
            run(rgb)
            rows[key].seconds.append(clock() - start)
    return list(rows.values())


def peak_memory(name: str, form: str, published: bool, size: tuple[int, int]) -> float:
    """Return megabytes of one forward pass beyond the loaded network; NaN if unknown."""
    torch.set_num_threads(1)
    run = forward(build(name, form, published).eval(), "float32")
    rgb = torch.rand(1, 3, *size, device=DEVICE)
    memory = forward_memory(run, rgb)
    return float("nan") if memory is None else memory


def inference_table(
    published: bool, rounds: int, memory: bool, modes: list[str]
) -> list[NetworkTiming]:
    """Time all students at one size: forms in float32, and other modes of the first form.

    Rows are printed as they come.
    """
    size = (512, 1024) if published else (128, 256)
    rgb = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    rows = []
    for name, forms in FORMS.items():
        keys = [(form, "float32") for form in forms]
        keys += [(form, mode) for mode in modes if mode != MODES[0] for form in forms[:1]]
        runs = {key: forward(build(name, key[0], published, key[1]).eval(), key[1]) for key in keys}
        measured = measure(runs, name, rgb, rounds)
        del runs  # the memory of the next processes is not shared with these networks
        for row in measured:
            if memory and row.mode == "float32":
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    row.megabytes = pool.apply(peak_memory, (name, row.form, published, size))
        print(as_markdown(name, measured), flush=True)
        rows += measured
    return rows


def training_table(rounds: int) -> list[NetworkTiming]:
    """Time one training step of the small networks on two panoramas of 128x256."""
    rgb = torch.rand(2, 3, 128, 256, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    rows = []
    for name, forms in FORMS.items():
        runs = {
            (form, "training"): train_step(build(name, form, published=False)) for form in forms
        }
        rows += measure(runs, name, rgb, rounds)
    return rows


def as_markdown(title: str, rows: list[NetworkTiming]) -> str:
    """Print a table; times relative to the first form of each network."""
    first: dict[str, float] = {}
    lines = [
        f"\n## {title}\n",
        "| network | form | mode | median ms | times the released form | GFLOP | peak MB | change "
        "|",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        median = statistics.median(row.seconds)
        base = first.setdefault(row.name, median)
        memory = "" if row.megabytes != row.megabytes else f"{row.megabytes:.0f}"
        change = f"{row.drift:.2g}" if row.mode != "training" else ""
        lines.append(
            f"| {row.name} | {row.form} | {row.mode} | {1e3 * median:.1f} | {median / base:.2f} | "
            f"{row.gflops:.2f} | {memory} | {change} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", default=["small", "published", "training"])
    parser.add_argument("--modes", nargs="+", default=MODES, choices=MODES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    where = torch.cuda.get_device_name() if DEVICE.type == "cuda" else f"{platform.machine()} CPU"
    text = (
        f"# Students\n\nMeasured by `python -m benchmarks.students`: {where}, one thread, "
        f"torch {torch.__version__}, random weights.\n"
    )
    text += (
        "`change` is the mean change of the output relative to the released form's, not an error.\n"
    )
    options = (arguments.rounds, arguments.memory, arguments.modes)
    for case, title in TITLES.items():
        if case in arguments.cases:
            text += as_markdown(title, inference_table(case == "published", *options))
    if "training" in arguments.cases:
        text += as_markdown(
            "Training step, small networks, 2 x 128x256", training_table(arguments.rounds)
        )
    print(text)
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
