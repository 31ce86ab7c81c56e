"""`python -m experiments.pipeline.repro plan|summary|record`: called by scripts/repro.sh.

`plan` reads the lines of stages from standard input (`PHASE TITLE STAGE STAGE ...`) and says how
many are to run and how long that takes (exit code 4: none). `summary` says what ran and what
failed, and the line to type then. `record` writes the processor time that every stage took here,
in whatever call it ran last, into seconds.json and docs/benchmarks/stages.md.
"""

import argparse
import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from experiments.pipeline.repro.journal import Progress, describe_left, describe_s, read_progress
from experiments.pipeline.repro.plan import (
    FOLDER,
    JOURNAL,
    MEASURED,
    REMEMBERED,
    ReproPlan,
    make_plan,
    parse_lines,
    read_plan,
    read_seconds,
)
from experiments.pipeline.repro.quick_dvc import hasten
from experiments.pipeline.revision import REPO
from pano_data import write_text

NOTHING_TO_RUN = 4
LONGEST = 5
PAGE = "docs/benchmarks/stages.md"


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.pipeline.repro")
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan")
    plan.add_argument("--cores", type=int, default=1)
    commands.add_parser("summary")
    commands.add_parser("record")
    chosen = parser.parse_args(argv)
    if chosen.command == "plan":
        hasten()
        keep_seconds()
        made = make_plan(parse_lines(sys.stdin), chosen.cores)
        made.write()
        sys.stdout.write(describe_plan(made))
        return 0 if made.pending else NOTHING_TO_RUN
    keep_seconds()
    if chosen.command == "record":
        return record(read_plan(), read_seconds(FOLDER / REMEMBERED))
    sys.stdout.write(summarize(read_progress()))
    return 0


def describe_plan(plan: ReproPlan) -> str:
    """Say how many stages are to run, and how long that takes."""
    if not plan.pending:
        return "Data and pipelines are up to date.\n"
    count = f"{plural(len(plan.pending), 'stage')} to run at most"
    left = describe_left(Progress(plan, {}, plan.started))
    if not left:
        return f"{count}; none was ever timed.\n"
    return f"{count}, {left} on {plural(plan.cores, 'core')} with nothing beside.\n"


def ended_seconds(progress: Progress) -> dict[str, float]:
    """Return the processor time of each stage that ran to its end."""
    return {n: e.cpu_s for n, e in progress.last.items() if e.what == "ended"}


def keep_seconds(folder: Path = FOLDER) -> None:
    """Add the times of the last call, also of one that was killed, to what this machine knows."""
    if (folder / JOURNAL).is_file():
        file = folder / REMEMBERED
        seconds = {**read_seconds(file), **ended_seconds(read_progress(folder))}
        write_text(file, json.dumps(seconds))


def summarize(progress: Progress) -> str:
    """Say what ran, for how long, and what failed."""
    ended = ended_seconds(progress)
    lines = []
    if ended:
        clock, cpu = describe_s(progress.passed_s()), describe_s(sum(ended.values()))
        longest = sorted(ended, key=lambda name: -ended[name])[:LONGEST]
        shown = ", ".join(f"{name} {describe_s(ended[name])}" for name in longest)
        count = plural(len(ended), "stage")
        lines.append(f"{count} ran in {clock} ({cpu} of processor time; most of it: {shown})")
    failed = [name for name, event in progress.last.items() if event.what == "failed"]
    for name in failed:
        lines.append(f"failed: {name}; the lines above say why. Alone, with all that it prints:")
        lines.append(f"    .venv/bin/dvc repro --single-item {name}")
    if failed:
        lines.append("What ended is kept: `make repro` resumes from there.")
    return "".join(f"{line}\n" for line in lines)


def plural(count: int, noun: str) -> str:
    """Return "1 stage", "2 stages"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def record(plan: ReproPlan, seconds: Mapping[str, float]) -> int:
    """Write the table of times, if every stage of the plan was timed here."""
    planned = {name for line in plan.lines for name in line.stages}
    if missing := sorted(planned - seconds.keys()):
        sys.stderr.write(
            f"got times of {len(planned) - len(missing)} of {len(planned)} stages ({missing[0]} "
            "never ran here), expected all: run `make repro` in a fresh clone first\n"
        )
        return 2
    rounded = {name: round(seconds[name], 1) for name in sorted(planned)}
    write_text(MEASURED, json.dumps(rounded, indent=0) + "\n")
    write_text(REPO / PAGE, page(replace(plan, seconds=rounded, pending=frozenset(planned))))
    return 0


def page(plan: ReproPlan) -> str:
    """Return the page of times, stages of one name in one row."""
    families: dict[str, list[float]] = {}
    for name, value in plan.seconds.items():
        families.setdefault(name.partition("@")[0], []).append(value)
    cores = plural(plan.cores, "core")
    lines = [
        "# Times of the stages",
        "",
        "Written by `python -m experiments.pipeline.repro record` after a `make repro` in a fresh",
        "clone. Seconds of processor time of a stage and all its processes; `make repro` tells the",
        "time left by this table, and by what your own machine took before.",
        "",
        f"{platform.machine()}, {cores}, Python {platform.python_version()}: "
        f"{sum(plan.seconds.values()) / 60:.0f} minutes of processor time,",
        f"{Progress(plan, {}, plan.started).time_left_s() / 60:.0f} by the clock on {cores} that "
        "do nothing else, by these times.",
        "",
        "| stage | runs | seconds, together | of the longest |",
        "| --- | --- | --- | --- |",
    ]
    for name, values in sorted(families.items(), key=lambda item: -sum(item[1])):
        lines.append(f"| `{name}` | {len(values)} | {sum(values):.0f} | {max(values):.0f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
