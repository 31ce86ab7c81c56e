"""Run every check that needs a CUDA device: at most eight minutes, one JSON and one table last.

    scripts/gpu_check.sh [--out gpu_check.json]      on a machine with a card
    scripts/gpu_check.sh --rehearse                  on any machine: every step, small, on the CPU

Each step is a process of its own with a time limit: a crash or a hang of one leaves the others.
Exit code 0 if all passed, 1 if something failed, 2 if there is no card.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu.measures import STEPS, Result, published_networks_without_memory

TESTS = ("geometry", "losses", "models", "panodepth")
TEST_SECONDS = 150
SLOWER = 10
"""How much longer a step of a rehearsal may take: it shares slow cores with others."""


def run_step(name: str, rehearse: bool, out: Path) -> None:
    """Measure one step in this process and write its results."""
    measure, _ = STEPS[name]
    device = torch.device("cpu" if rehearse else "cuda")
    torch.manual_seed(0)
    results = [asdict(result) | {"passed": result.passed} for result in measure(device, rehearse)]
    out.write_text(json.dumps(results))


def commands(rehearse: bool, out: Path) -> Iterator[tuple[str, list[str], int]]:
    """Yield name, command and seconds of each step."""
    python, pytest = sys.executable, [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    tests = [f"tests/{area}" for area in TESTS]
    if rehearse:  # the kernels run by Triton's interpreter, the rest is found and imported
        yield "contract tests are found", [*pytest, "--collect-only", "-m", "gpu", *tests], 60
        yield (
            "Triton's interpreter",
            [python, "-m", "tests.geometry.resampling.gpu.interpreted"],
            60,
        )
        yield "published networks, fake", [python, "-m", __spec__.name, "--fake", str(out)], 60
    else:
        yield "contract tests", [*pytest, "-m", "gpu", *tests], TEST_SECONDS
    for name, (_, seconds) in STEPS.items():
        step = [python, "-m", __spec__.name, "--step", name, "--into", str(out)]
        yield name, [*step, *(["--rehearse"] if rehearse else [])], seconds


def check(rehearse: bool) -> list[dict[str, object]]:
    """Run all steps, each in its own process, and return a line for each result."""
    lines: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        for name, command, seconds in commands(rehearse, out):
            out.unlink(missing_ok=True)
            limit, start = seconds * (SLOWER if rehearse else 1), time.monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            try:
                run = subprocess.run(
                    command, capture_output=True, text=True, timeout=limit, check=False
                )
                failed, said = run.returncode != 0, run.stdout + run.stderr
            except subprocess.TimeoutExpired:
                failed, said = True, f"took longer than {limit} s"
            took = time.monotonic() - start
            last = (said.strip().splitlines() or [""])[-1]
            lines.append(asdict(Result(name, took, "s")) | {"passed": not failed, "said": last})
            if failed:
                print(said, file=sys.stderr)
            if out.exists():
                lines += json.loads(out.read_text())
    return lines


def table(lines: list[dict[str, object]]) -> str:
    """Return the results as a table."""
    rows = ["| check | value | goal | |", "| --- | ---: | ---: | --- |"]
    for line in lines:
        bound = "<=" if line["at_most"] else ">="
        goal = "" if line["goal"] is None else f"{bound} {line['goal']:g}"
        verdict = "ok" if line["passed"] else f"FAIL {line.get('said', '')}"
        rows.append(f"| {line['name']} | {line['value']:.3g} {line['unit']} | {goal} | {verdict} |")
    return "\n".join(rows)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, small")
    parser.add_argument("--out", type=Path, default=Path("gpu_check.json"))
    parser.add_argument("--step", choices=tuple(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--fake", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fake:
        results = [asdict(r) | {"passed": r.passed} for r in published_networks_without_memory()]
        options.fake.write_text(json.dumps(results))
        return 0
    if options.step:
        run_step(options.step, options.rehearse, options.into)
        return 0
    if not (options.rehearse or torch.cuda.is_available()):
        print(
            "no CUDA device: nothing was checked; --rehearse runs the steps here", file=sys.stderr
        )
        return 2
    lines = check(options.rehearse)
    if options.rehearse:  # times of a CPU are no measure: only what ran counts
        lines = [
            line | {"goal": None, "passed": line["passed"] or "said" not in line} for line in lines
        ]
    card = "rehearsal" if options.rehearse else torch.cuda.get_device_name()
    head = {"device": card, "torch": torch.__version__, "commit": os.environ.get("COMMIT", "")}
    options.out.write_text(json.dumps(head | {"results": lines}, indent=1) + "\n")
    print(f"{card}, torch {torch.__version__}; {options.out}\n\n{table(lines)}")
    return 0 if all(line["passed"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
