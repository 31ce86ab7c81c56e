"""Run every check that needs a CUDA device: at most eight minutes, one JSON and one table last.

    scripts/gpu_check.sh [--out gpu_check.json]      on a machine with a card
    scripts/gpu_check.sh --only "latency of da2"     one step of it, or several
    scripts/gpu_check.sh --rehearse                  on any machine: every step, small, on the CPU

Each step is a process group of its own with a time limit: a crash or a hang of one leaves the
others, and what it had measured until then stays. Exit code 0 if all passed, 1 if something failed,
2 if there is no card.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.gpu.measures import REHEARSED, STEPS, GpuMeasure

ROOT = Path(__file__).parents[2]
TESTS_NAME, TEST_SECONDS = "contract tests", 100
PROGRAMS = {
    "Triton's interpreter": "tests.geometry.resampling.gpu.interpreted",
    "Triton's compiler": "tests.geometry.resampling.gpu.compiled",
}
"""What a rehearsal does with the kernels: it runs them as Python, and compiles them for devices."""
ALL_SECONDS = 480
"""What all steps together may take on a card."""
SLOWER = 10
"""How much longer a step of a rehearsal may take: it shares slow cores with others."""

CheckLine = dict[str, object]
CheckStep = tuple[str, list[str], int]
"""Name, command, and the seconds it may take."""


def run_step(name: str, rehearse: bool, out: Path) -> None:
    """Measure one step in this process; append each result to a file as soon as it is there."""
    measure, _ = (STEPS | REHEARSED)[name]
    torch.manual_seed(0)
    with out.open("a") as file:
        for result in measure(torch.device("cpu" if rehearse else "cuda"), rehearse):
            file.write(json.dumps(asdict(result) | {"passed": result.passed}) + "\n")
            file.flush()


def tests_of_a_card(root: Path) -> list[str]:
    """Return the files that hold tests for a card: to import all tests would take minutes."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [str(f.relative_to(root)) for f in files if "pytest.mark.gpu" in f.read_text()]


def commands(rehearse: bool, out: Path) -> Iterator[CheckStep]:
    """Yield the steps in order."""
    pytest = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "gpu"]
    tests = tests_of_a_card(ROOT)
    if rehearse:
        yield f"{TESTS_NAME} are found", [*pytest, "--collect-only", *tests], TEST_SECONDS
        for name, program in PROGRAMS.items():
            yield name, [sys.executable, "-m", program], 60
    else:
        yield TESTS_NAME, [*pytest, *tests], TEST_SECONDS
    for name, (_, seconds) in ((REHEARSED if rehearse else {}) | STEPS).items():
        step = [sys.executable, "-m", "benchmarks.gpu.check", "--step", name, "--into", str(out)]
        yield name, [*step, *(["--rehearse"] if rehearse else [])], seconds


def run_within(command: Sequence[str], limit: float, output: Path) -> int | None:
    """Run a command with all that it starts; return its exit code, None if it took too long.

    Its output goes to a file: a pipe would stay open as long as any child of a killed step lives.
    """
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True
        )
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            with suppress(ProcessLookupError):  # compilers of a step would outlive it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def check(
    steps: Sequence[CheckStep], out: Path, seconds: float, slower: float = 1
) -> list[CheckLine]:
    """Run steps one after the other and return a line for each of them and each of their results.

    Args:
        steps: What to run; their results come into `out`.
        out: A file that the steps append to.
        seconds: What all may take; who has none left is not started.
        slower: Factor on all times.
    """
    lines: list[CheckLine] = []
    begun = time.monotonic()
    for name, command, own in steps:
        out.unlink(missing_ok=True)
        start = time.monotonic()
        limit = min(own * slower, seconds * slower - (start - begun))
        print(f"{start - begun:6.1f} s  {name} ...", file=sys.stderr, flush=True)
        printed = out.with_suffix(".txt")
        code = run_within(command, limit, printed) if limit > 0 else None
        took = time.monotonic() - start
        said = printed.read_text(errors="replace") if printed.exists() else ""
        printed.unlink(missing_ok=True)
        last = (said.strip().splitlines() or [""])[-1]
        if code is None:
            last = f"took longer than {max(limit, 0):.0f} s; {last}"
        if code != 0:
            print(said, file=sys.stderr)
        lines.append(asdict(GpuMeasure(name, took, "s")) | {"passed": code == 0, "said": last})
        if out.exists():  # a step that was killed may leave half a line
            lines += [json.loads(row) for row in out.read_text().splitlines() if row.endswith("}")]
    return lines


def table(lines: Sequence[CheckLine]) -> str:
    """Return the results as a table."""
    rows = ["| check | value | goal | |", "| --- | ---: | ---: | --- |"]
    for line in lines:
        bound = "<=" if line["at_most"] else ">="
        goal = "" if line["goal"] is None else f"{bound} {line['goal']:g}"
        verdict = "ok" if line["passed"] else f"FAIL {line.get('said', '')}".rstrip()
        rows.append(f"| {line['name']} | {line['value']:.3g} {line['unit']} | {goal} | {verdict} |")
    return "\n".join(rows)


def without_goals(lines: Sequence[CheckLine]) -> list[CheckLine]:
    """Return the lines of a rehearsal: times of a CPU are no measure, only what ran counts."""
    return [x | {"goal": None, "passed": x["passed"] or "said" not in x} for x in lines]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [TESTS_NAME, *STEPS]
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, small")
    parser.add_argument("--out", type=Path, default=Path("gpu_check.json"))
    parser.add_argument("--only", nargs="+", choices=names, metavar="STEP", help=", ".join(names))
    parser.add_argument("--step", choices=tuple(STEPS | REHEARSED), help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.step:
        run_step(options.step, options.rehearse, options.into)
        return 0
    if not (options.rehearse or torch.cuda.is_available()):
        print(
            "no CUDA device: nothing was checked; --rehearse runs the steps here", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.jsonl"
        steps = list(commands(options.rehearse, out))
        steps = [step for step in steps if not options.only or step[0] in options.only]
        lines = check(steps, out, ALL_SECONDS, SLOWER if options.rehearse else 1)
    if options.rehearse:
        lines = without_goals(lines)
    card = "rehearsal" if options.rehearse else torch.cuda.get_device_name()
    head = {"device": card, "torch": torch.__version__, "commit": os.environ.get("COMMIT", "")}
    options.out.write_text(json.dumps(head | {"results": lines}, indent=1) + "\n")
    print(f"{card}, torch {torch.__version__}; {options.out}\n\n{table(lines)}")
    return 0 if all(line["passed"] for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
