"""Which stages of a `make repro` are still to run, in which lines, and how long they took before.

scripts/repro.sh runs phases, one after the other; a phase has lines side by side; a line has stages
one after the other.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dvc.repo import Repo
from dvc.repo.graph import get_subgraph_of_nodes

from pano_data import write_text

FOLDER = Path(".dvc/tmp/repro")
JOURNAL = "journal.jsonl"
REMEMBERED = "seconds.json"
"""In the folder: what each stage took on this machine, whenever it ran last."""
MEASURED = Path(__file__).parent / "seconds.json"
"""The same of the machine on which `record` was called; it comes with the repository."""


@dataclass(frozen=True)
class StageLine:
    """Stages that run one after the other.

    Attributes:
        phase: Lines of one phase run side by side.
        title: What its output begins with.
        stages: Names, in order.
    """

    phase: int
    title: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class ReproPlan:
    """What a call of `make repro` is going to do.

    Attributes:
        lines: All of them, by phase.
        pending: Stages that may run: what changed, and all that follows from it.
        seconds: Processor time that each stage took before; a stage may be missing.
        cores: That the lines share.
        started: Of this call, in seconds of `time.time`.
    """

    lines: tuple[StageLine, ...]
    pending: frozenset[str]
    seconds: Mapping[str, float]
    cores: int
    started: float

    def expected(self, stage: str) -> float:
        """Return the seconds that a stage will take, 0 if nothing like it was ever measured."""
        if stage in self.seconds:
            return self.seconds[stage]
        family = stage.partition("@")[0]
        like = [v for name, v in self.seconds.items() if name.partition("@")[0] == family]
        return sum(like) / len(like) if like else 0.0

    def write(self, folder: Path = FOLDER) -> None:
        """Write the plan, and begin an empty journal."""
        folder.mkdir(parents=True, exist_ok=True)
        values = {**asdict(self), "pending": sorted(self.pending)}
        write_text(folder / "plan.json", json.dumps(values))
        write_text(folder / JOURNAL, "")


def read_plan(folder: Path = FOLDER) -> ReproPlan:
    """Read the plan of the call that runs now.

    Raises:
        OSError: There is none.
    """
    values: dict[str, Any] = json.loads((folder / "plan.json").read_text("utf-8"))
    lines = tuple(
        StageLine(line["phase"], line["title"], tuple(line["stages"])) for line in values["lines"]
    )
    return ReproPlan(**{**values, "lines": lines, "pending": frozenset(values["pending"])})


def parse_lines(text: Iterable[str]) -> tuple[StageLine, ...]:
    """Read lines of `PHASE TITLE STAGE STAGE ...`; one without a stage is left out."""
    fields = [row.split() for row in text]
    return tuple(StageLine(int(f[0]), f[1], tuple(f[2:])) for f in fields if len(f) > 2)


def changed_stages() -> frozenset[str]:
    """Return the stages of the repository here that are not up to date, and all that follow."""
    with Repo() as repo:
        changed = set(repo.status())
        stages = [stage for stage in repo.index.graph if stage.addressing in changed]
        following = get_subgraph_of_nodes(repo.index.graph, stages, downstream=True)
    return frozenset(stage.addressing for stage in following) if stages else frozenset()


def make_plan(lines: Sequence[StageLine], cores: int, folder: Path = FOLDER) -> ReproPlan:
    """ReproPlan a call: ask DVC what changed, and look up how long each stage took before.

    Args:
        lines: All stages, in lines.
        cores: That the lines share.
        folder: Where earlier calls on this machine have left their times; they count for more than
            the table that comes with the repository.
    """
    seconds = {**read_seconds(MEASURED), **read_seconds(folder / REMEMBERED)}
    return ReproPlan(tuple(lines), changed_stages(), seconds, cores, time.time())


def read_seconds(file: str | os.PathLike[str]) -> dict[str, float]:
    """Return the seconds by stage that a file holds; none if there is no such file."""
    path = Path(file)
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
