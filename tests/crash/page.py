"""Results of the lab as JSON, one entry a draw and kind, and the page that is made of them."""

import fcntl
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from experiments.pipeline.revision import git_revision
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
promised. This page is written by it, from [its record](crashlab.json). A case that fails is printed
with the line that runs it again: `python -m tests.crash --case KIND SEED`.
"""
MOST_SORTS = 14
"""More sorts of accidents than these are summed up."""
PLACE = re.compile(r"(?:[\w.+-]*/[\w./+-]*site-packages|(?<![\w./+-])(?:/[\w.+-]+)+)(?=/)")
"""The folders of a path of this machine, or of what the end of a log has left of one."""


def keep(path: Path, draw: str, ending: Ending) -> None:
    """Add an ending to the results on disk, which outlive the lab itself.

    Labs that run side by side add to one record in turn.
    """
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # goes with the file
        _keep(path, draw, ending)
    finally:
        os.close(folder)


def _keep(path: Path, draw: str, ending: Ending) -> None:
    results = read(path)
    draws = results["draws"]
    if draw not in draws:
        commit, *dirty = git_revision().split("-")
        revision = "-".join((commit[:12], *dirty))
        about = {"machine": machine(), "cores": os.cpu_count(), "revision": revision}
        draws[draw] = {**about, "kinds": {}}
    found = draws[draw]
    found["seconds"] = round(found.get("seconds", 0.0) + ending.seconds, 1)
    new = {"cases": 0, "trials": 0, "seconds": 0.0, "faults": [], "sorts": {}}
    kind = found["kinds"].setdefault(ending.kind, new)
    kind["cases"] += 1
    kind["trials"] += ending.count
    kind["seconds"] = round(kind["seconds"] + ending.seconds, 1)
    what = without_places(ending.what)
    if ending.fault:
        fault = {"seed": ending.seed, "what": what, "fault": without_places(ending.fault)}
        kind["faults"].append(fault)
    kind["last"] = what
    kind["sorts"] = dict(sorted((Counter(kind["sorts"]) + Counter(ending.trials)).items()))
    write_json(path, results)


def without_places(told: str) -> str:
    """Return a text in which paths of this machine are their last name; libraries keep theirs.

    The record is committed, and where a machine keeps its folders concerns nobody.
    """
    return PLACE.sub("…", told)


def read(path: Path) -> dict[str, Any]:
    """Return the results so far."""
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"draws": {}}
    return found


def write(page: Path, results: Path) -> None:
    """Write the page from all draws of the results."""
    write_text(page, text(read(results)["draws"]))


def text(draws: dict[str, Any]) -> str:
    """Return the page of some draws."""
    hours = sum(draw["seconds"] for draw in draws.values()) / 3600
    lines = [HEAD, "## Trials", ""]
    machines = sorted({f"{d['machine']}, {d['cores']} cores" for d in draws.values()})
    lines.append(
        f"{hours:.1f} hours, seeds {', '.join(draws)}, on {'; '.join(machines)}. A case may hold "
        "several trials, such as the kills of one training; one with a fault counts as a single "
        "trial.\n"
    )
    head = ["kind", "promised", "cases", "trials", "cases with a fault", "minutes"]
    lines += _head(head)
    for kind in KINDS:
        found = [d["kinds"][kind.name] for d in draws.values() if kind.name in d["kinds"]]
        cases, trials = sum(f["cases"] for f in found), sum(f["trials"] for f in found)
        faults = sum(len(f["faults"]) for f in found)
        minutes = sum(f["seconds"] for f in found) / 60
        cells = [kind.name, kind.promise, cases, trials, faults, f"{minutes:.1f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "## Draws", "", *_draws(draws)]
    lines += ["", "## Sorts of trials", "", *_sorts(draws)]
    return "\n".join(lines) + "\n\n" + NOTES.read_text()


def _head(cells: list[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |", "| --- " * len(cells) + "|"]


def _draws(draws: dict[str, Any]) -> Iterator[str]:
    """Yield a table of the draws: where each stands in the history, and what it found."""
    yield from _head(["seed", "revision", "kinds", "trials", "cases with a fault", "hours"])
    for seed, draw in draws.items():
        found = draw["kinds"]
        trials = sum(kind["trials"] for kind in found.values())
        faults = [f"{name} {n}" for name, kind in found.items() if (n := len(kind["faults"]))]
        hours = f"{draw['seconds'] / 3600:.2f}"
        cells = [seed, draw["revision"], len(found), trials, ", ".join(faults) or "none", hours]
        yield f"| {' | '.join(map(str, cells))} |"


def _sorts(draws: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each kind whose trials are told apart, in each way that they are."""
    for kind in KINDS:
        total: Counter[str] = Counter()
        for draw in draws.values():
            found = draw["kinds"].get(kind.name, {})
            total.update(found.get("sorts", {}))
            if kind.name.startswith("load") and found:
                yield f"* {kind.name}: {found['last']}."
        if not total:
            continue
        parts = [label.split(", ") for label in total.elements()]
        ways = [_counted(way) for way in zip(*parts, strict=True)]
        yield f"* {kind.name}: " + "; ".join(ways) + "."


def _counted(names: Iterable[str]) -> str:
    counts = Counter(names).most_common()
    told = ", ".join(f"{count} {name}" for name, count in counts[:MOST_SORTS])
    rest = sum(count for _, count in counts[MOST_SORTS:])
    return told + (f", {rest} of {len(counts) - MOST_SORTS} more sorts" if rest else "")
