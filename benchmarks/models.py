"""Time DA2 and DAP against eager float32 of the same network, and count memory and FLOPs.

Variants of a case run in turn, round after round, so that a busy machine slows all of them alike;
medians are printed. Memory is measured in a fresh process per variant. Usage:

    python -m benchmarks.models [--cases tiny small large] [--rounds 5] [--batch 1] [--out FILE.md]
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

BASELINE = "float32"
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@dataclass(frozen=True)
class Case:
    """A network at an input size."""

    name: str
    config: dict[str, Any]
    size: tuple[int, int]
    group: str


@dataclass
class CaseTiming:
    """What was measured of one variant of a case."""

    case: Case
    variant: str
    seconds: list[float] = field(default_factory=list)
    memory: float = float("nan")
    drift: float = float("nan")


def _da2(backbone: str, width: int, heads: int, channels: int, **options: Any) -> dict[str, Any]:
    return {
        "backbone": backbone,
        "backbone_options": options,
        "width": width,
        "heads": heads,
        "head_channels": channels,
    }


def _dap(backbone: str, features: int, levels: list[int], **options: Any) -> dict[str, Any]:
    return {
        "backbone": backbone,
        "backbone_options": options,
        "features": features,
        "level_channels": levels,
    }


CASES = (
    Case("da2", _da2("vit_tiny_patch16_224", 64, 2, 16, depth=6), (128, 256), "tiny"),
    Case(
        "dap",
        _dap(
            "vit_small_patch16_dinov3_qkvb",
            32,
            [32, 32, 64, 64],
            embed_dim=192,
            depth=6,
            num_heads=3,
        ),
        (128, 256),
        "tiny",
    ),
    Case("da2", _da2("vit_small_patch14_dinov2", 256, 4, 32), (266, 532), "small"),
    Case("dap", _dap("vit_small_patch16_dinov3_qkvb", 64, [48, 96, 192, 384]), (256, 512), "small"),
    Case("da2", {}, (546, 1092), "large"),
    Case("dap", {}, (512, 1024), "large"),
)
"""The embedded default's size, a ViT-S, and the published networks at their evaluation sizes."""

Variant = Callable[[Case, torch.device], Callable[[torch.Tensor], Any]]


def _network(case: Case, device: torch.device, **options: Any) -> pm.DepthModel:
    torch.manual_seed(0)
    return pm.create(case.name, **case.config, **options).eval().to(device)


def _compiled(case: Case, device: torch.device, **options: Any) -> Callable[[torch.Tensor], Any]:
    network: Callable[[torch.Tensor], Any] = torch.compile(_network(case, device, **options))
    return network


def _autocast(case: Case, device: torch.device) -> Callable[[torch.Tensor], Any]:
    network = _compiled(case, device)

    def run(rgb: torch.Tensor) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            return network(rgb)

    return run


VARIANTS: dict[str, Variant] = {
    BASELINE: _network,
    "bfloat16 backbone": lambda case, device: _network(case, device, precision="bfloat16"),
    "compiled": _compiled,
    "compiled, bfloat16 backbone": lambda c, d: _compiled(c, d, precision="bfloat16"),
    "compiled, all bfloat16": _autocast,
}


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def _once(network: Callable[[torch.Tensor], Any], rgb: torch.Tensor) -> tuple[float, Any]:
    _synchronise(rgb.device)
    start = time.perf_counter()
    with torch.inference_mode():
        out = network(rgb)
    _synchronise(rgb.device)
    return time.perf_counter() - start, out


def measure(case: Case, variants: list[str], rounds: int, batch: int) -> list[CaseTiming]:
    """Time the variants of a case in turn; drift is the mean relative change of the distance."""
    device = CUDA if torch.cuda.is_available() else CPU
    rgb = torch.rand(batch, 3, *case.size, generator=torch.Generator().manual_seed(0)).to(device)
    networks = {name: VARIANTS[name](case, device) for name in variants}
    rows = {name: CaseTiming(case, name) for name in variants}
    reference = None
    for name, network in networks.items():  # warm-up, compilation, and the numbers
        out = _once(network, rgb)[1]
        distance = out[geometry_key(out)].float()
        reference = distance if reference is None else reference
        rows[name].drift = float(((distance - reference).abs() / reference).mean())
    for _ in range(rounds):
        for name, network in networks.items():
            rows[name].seconds.append(_once(network, rgb)[0])
    del networks, network, out  # the fresh processes load their own: one large network at a time
    for name in variants:
        if not name.startswith("compiled") or device.type == "cuda":
            rows[name].memory = _peak_memory(case, name, batch)
    return list(rows.values())


def _peak_memory(case: Case, variant: str, batch: int) -> float:
    """Return megabytes of one forward pass beyond the loaded network, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_forward_memory, (case, variant, batch, torch.get_num_threads()))


def _forward_memory(case: Case, variant: str, batch: int, threads: int) -> float:
    torch.set_num_threads(threads)
    device = CUDA if torch.cuda.is_available() else CPU
    network = VARIANTS[variant](case, device)
    rgb = torch.rand(batch, 3, *case.size, device=device)
    memory = forward_memory(lambda x: _once(network, x), rgb)
    return float("nan") if memory is None else memory


def flops(case: Case) -> float:
    """Count operations of one forward pass of one panorama; multiply and add count 2."""
    with torch.device("meta"):
        network = pm.create(case.name, **case.config).eval()
        rgb = torch.rand(1, 3, *case.size)
    # The warnings about value ranges read values, which a meta tensor has not.
    network.input.checked = True
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(rgb)
    return float(counter.get_total_flops())


def _table(rows: list[CaseTiming], batch: int) -> list[str]:
    lines = [
        "| network | input | GFLOP | variant | ms per panorama | of float32 | forward memory (MB) "
        "| drift |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    base: dict[int, float] = {}
    for row in rows:
        median = statistics.median(row.seconds) / batch
        reference = base.setdefault(id(row.case), median)
        lines.append(
            f"| {row.case.name} ({row.case.group}) | {row.case.size[0]}x{row.case.size[1]} "
            f"| {flops(row.case) / 1e9:.0f} | {row.variant} | {1e3 * median:.1f} | "
            f"{median / reference:.2f} "
            f"| {row.memory:.0f} | {row.drift:.1e} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cases", nargs="+", default=["tiny", "small"], choices=["tiny", "small", "large"]
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        default=[BASELINE, "bfloat16 backbone", "compiled"],
        choices=list(VARIANTS),
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    variants = [BASELINE, *(v for v in args.variants if v != BASELINE)]
    rows = []
    for case in CASES:
        if case.group in args.cases:
            rows += measure(case, variants, args.rounds, args.batch)
            print("\n".join(_table(rows[-len(variants) :], args.batch)), flush=True)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    head = [
        f"torch {torch.__version__}, {device}, {args.threads} threads, batch {args.batch}, "
        f"median of {args.rounds} rounds",
        "",
    ]
    text = "\n".join([*head, *_table(rows, args.batch)]) + "\n"
    if args.out:
        args.out.write_text(text)


if __name__ == "__main__":
    main()
