"""Results of the lab as JSON, one entry a draw and kind, and the page that is made of them."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from pano_data import write_json, write_text
from tests.crash.case import Ending
from tests.crash.digests import machine
from tests.crash.kinds import KINDS

NOTES = Path(__file__).with_name("notes.md")
"""What a person writes: faults found and mended, and what is not covered."""
HEAD = """\
# The crash lab

`make crashlab MINUTES=60 SEED=1` draws accidents at random from a seed, has them happen to tiny
trainings, stages, files and servers in scratch folders, and compares what is left with what is
promised. This page is written by it. A case that fails is printed with the line that runs it again:
`python -m tests.crash --case KIND SEED`.
"""


def keep(path: Path, seed: int, ending: Ending) -> None:
    """Add an ending to the results on disk, which outlive the lab itself."""
    results = read(path)
    draws = results["draws"]
    if str(seed) not in draws:
        draws[str(seed)] = {"machine": machine(), "cores": os.cpu_count(), "kinds": {}}
    draw = draws[str(seed)]
    draw["seconds"] = draw.get("seconds", 0.0) + ending.seconds
    kind = draw["kinds"].setdefault(ending.kind, {"trials": 0, "seconds": 0.0, "faults": []})
    kind["trials"] += 1
    kind["seconds"] += ending.seconds
    if ending.fault:
        kind["faults"].append({"seed": ending.seed, "what": ending.what, "fault": ending.fault})
    counts = Counter(kind.get("what", {}))
    counts[summary(ending.what)] += 1
    kind["what"] = dict(counts)
    write_json(path, results)


def summary(what: str) -> str:
    """Return the first words of what was done: they are counted."""
    return what.split(":")[0].split(",")[0][:60]


def read(path: Path) -> dict[str, Any]:
    """Return the results so far."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"draws": {}}
    return found


def write(page: Path, results: Path) -> None:
    """Write the page from all draws of the results."""
    draws = read(results)["draws"]
    hours = sum(draw["seconds"] for draw in draws.values()) / 3600
    lines = [HEAD, "## Trials", ""]
    machines = sorted({f"{d['machine']}, {d['cores']} cores" for d in draws.values()})
    lines.append(f"{hours:.1f} hours, seeds {', '.join(draws)}, on {'; '.join(machines)}.\n")
    lines += ["| kind | promised | trials | faults | minutes |", "| --- | --- | --- | --- | --- |"]
    for kind in KINDS:
        found = [d["kinds"][kind.name] for d in draws.values() if kind.name in d["kinds"]]
        trials, faults = sum(f["trials"] for f in found), sum(len(f["faults"]) for f in found)
        minutes = sum(f["seconds"] for f in found) / 60
        lines.append(f"| {kind.name} | {kind.promise} | {trials} | {faults} | {minutes:.1f} |")
    write_text(page, "\n".join(lines) + "\n\n" + NOTES.read_text())
