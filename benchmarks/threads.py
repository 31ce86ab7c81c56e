"""A training step with one and two threads, on idle and on busy cores, and how the threads wait.

    uv run python -m benchmarks.threads [--steps 5] [--busy 2] [--write]

Two OpenMP threads meet at the end of every parallel loop. The one that comes first spins (OpenMP's
own choice) or sleeps (`OMP_WAIT_POLICY=PASSIVE`, what `experiments` and `panodepth` set). Each case
is a process of its own, because OpenMP reads the policy once. `--write` makes
docs/benchmarks/threads.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs/benchmarks/threads.md"
SECTION = "depth_anywhere_unifuse"
POLICIES = {"spin": None, "sleep": "PASSIVE"}  # None: OpenMP's own choice


def step_times(
    net: dict[str, object], size: list[int], batch: int, steps: int, threads: int
) -> None:
    """Print seconds of each training step and the last loss as JSON; one warm-up step before."""
    import torch

    import pano_models

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = pano_models.create("unifuse", **net).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    image = torch.rand(batch, 3, *size)
    truth = torch.rand(batch, 1, *size)
    seconds, loss = [], torch.zeros(())
    for _ in range(steps + 1):
        started = time.perf_counter()
        optimizer.zero_grad()
        loss = (network(image)["disparity_affine"] - truth).abs().mean()
        loss.backward()
        optimizer.step()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds[1:], "loss": loss.item().hex()}))


def measure(setting: dict[str, object], policy: str | None) -> dict[str, object]:
    """Run `step_times` in a process of its own that nobody has told how to wait."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    if policy is not None:
        environment["OMP_WAIT_POLICY"] = policy
    command = [sys.executable, __file__, "--case", json.dumps(setting)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def busy_processes(count: int) -> list[subprocess.Popen[bytes]]:
    """Start processes that keep a core busy each."""
    code = f"import os\nwhile os.getppid() == {os.getpid()}: pass"  # never outlives this process
    return [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]


def table(steps: int, busy: int) -> str:
    """Measure all cases; a table in Markdown."""
    from experiments.pipeline import params

    section, common = params.section(SECTION), params.section("common")["data"]
    data = {**common, **section.get("data", {})}
    setting: dict[str, object] = {
        "net": section["model"]["init_args"]["net"]["init_args"],
        "size": data["size"],
        "batch": data["batch_size"],
        "steps": steps,
    }
    lines = [
        "| threads | waiting | s per step, idle | s per step, busy | slowest, busy | loss |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for threads in (1, 2):
        for name, policy in POLICIES.items():
            case = {**setting, "threads": threads}
            idle = measure(case, policy)
            load = busy_processes(busy)
            try:
                loaded = measure(case, policy)
            finally:
                for process in load:
                    process.kill()
                    process.wait()
            if idle["loss"] != loaded["loss"]:
                raise RuntimeError(f"got two losses from the same case: {idle}, {loaded}")
            alone, beside = idle["seconds"], loaded["seconds"]
            lines.append(
                f"| {threads} | {name} | {statistics.median(alone):.2f} | "  # type: ignore[arg-type]
                f"{statistics.median(beside):.2f} | {max(beside):.2f} | {loaded['loss']} |"  # type: ignore[call-overload]
            )
            print(lines[-1], file=sys.stderr, flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--busy", type=int, default=2, help="busy processes in the background")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        step_times(**json.loads(arguments.case))
        return
    load, text = os.getloadavg()[0], table(arguments.steps, arguments.busy)
    import torch

    page = (
        f"# Threads on busy cores\n\n`python -m benchmarks.threads --steps {arguments.steps} "
        f"--busy {arguments.busy} --write`: a training step of UniFuse (network, size and batch of "
        f"`{SECTION}`), median of {arguments.steps} steps after one to warm up;\n"
        f"{platform.machine()}, {len(os.sched_getaffinity(0))} cores visible, load average "
        f"{load:.1f} before the first case (idle means: nothing but that), torch "
        f"{torch.__version__.split('+')[0]}.\n\n{text}\n\n*Spin* is OpenMP's own choice, *sleep* "
        "is `OMP_WAIT_POLICY=PASSIVE`. The loss after the last step is the same to the last bit "
        "for one number of threads, however they wait.\nOpenMP reads the policy when torch is "
        "loaded, so `experiments` and `panodepth` set it in their `__init__.py`, and the tests in "
        "`tests/conftest.py`; who sets the variable himself keeps his choice.\n"
    )
    print(page)
    if arguments.write:
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
