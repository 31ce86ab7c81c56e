"""`python -m experiments.estimate [FILE] [--with NAME ...] [--nodes N] [--gpus G] [--cores C] ...`.

Prints a row for every stage that the values file asks for. Nothing is measured: FLOPs are counted,
CPU time and bytes are those of docs/benchmarks and of the releases.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import rich
from rich.table import Table

from experiments.estimate.stages import Machine, StageCost, stage_costs
from experiments.estimate.trainings import MFU
from experiments.pipeline import overlay, params

ROOT = Path(__file__).parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Print one row per stage, and their sum."""
    parser = argparse.ArgumentParser("python -m experiments.estimate", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=Path("params.paper.yaml"))
    parser.add_argument(
        "--with", nargs="+", default=[], dest="names", metavar="NAME",
        help="alternatives of pipeline.alternatives that shall run too",
    )  # fmt: skip
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--gpus", type=int, default=8, help="of a node")
    parser.add_argument("--cores", type=int, default=96, help="of a node")
    parser.add_argument("--disk", type=float, default=1.0, help="GB per second and node")
    given = parser.parse_args(argv)
    machine = Machine(given.nodes, given.gpus, given.cores, given.disk * 1e9)
    try:
        costs = costs_of(given.file, given.names)
    except params.ParamsError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    heads = ("panoramas", f"H100 hours at {MFU:.0%} MFU", "core hours", "read", "written")
    table = Table()
    table.add_column("stage", no_wrap=True)
    for head in (*heads, f"hours on {given.nodes} x {given.gpus} GPUs"):
        table.add_column(head, justify="right")
    for name, cost in costs.items():
        table.add_row(name, *_cells(cost), f"{cost.hours(machine):,.1f}")
    total = StageCost(
        gpu_hours=sum(c.gpu_hours for c in costs.values()),
        cpu_hours=sum(c.cpu_hours for c in costs.values()),
        read=sum(c.read for c in costs.values()),
        written=sum(c.written for c in costs.values()),
    )
    table.add_section()
    one_by_one = sum(cost.hours(machine) for cost in costs.values())
    table.add_row("all, one after another", *_cells(total), f"{one_by_one:,.1f}")
    rich.print(table)
    return 0


def costs_of(file: Path, names: Sequence[str] = ()) -> dict[str, StageCost]:
    """Return the cost of every stage of a values file, with some of its alternatives.

    Raises:
        ParamsError: The file cannot be read, or has no such alternative.
    """
    with tempfile.TemporaryDirectory() as folder:
        values = Path(folder) / params.PARAMS_FILE
        values.write_text(overlay.compose(file, names))
        return stage_costs(ROOT, values)


def _cells(cost: StageCost) -> list[str]:
    panoramas = f"{cost.panoramas:,}" if cost.panoramas else ""
    hours = [f"{cost.gpu_hours:,.1f}", f"{cost.cpu_hours:,.1f}"]
    return [panoramas, *hours, _size(cost.read), _size(cost.written)]


def _size(count: float) -> str:
    return f"{count / 1e12:,.1f} TB" if count >= 1e12 else f"{count / 1e9:,.1f} GB"


if __name__ == "__main__":
    sys.exit(main())
