"""Folders of the study: one for each step, with links to what it reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.pipeline.params import PARAMS_FILE
from experiments.pipeline.revision import REPO
from experiments.study.plan import Run, Step, overlaps
from experiments.study.values import write_values
from pano_data import write_json

DONE = "done.json"
FAILED = "failed.json"
LOG = "log.txt"
STATE = ".runs"
KINDS = ("data/raw", "data/manifests")


class MissingDataError(RuntimeError):
    """The pipeline has not made what the study starts from."""


@dataclass(frozen=True)
class Place:
    """Where a study lies.

    Attributes:
        root: Folder of its results.
        pipeline: Root of a clone whose `data/` was made under the values of the scale.
    """

    root: Path
    pipeline: Path = REPO

    def folder(self, step: Step) -> Path:
        """Return the folder of a step."""
        return self.root / "steps" / step.folder

    def record(self, step: Step) -> dict[str, Any] | None:
        """Return what was noted of a finished step; None where it is not finished."""
        path = self.folder(step) / DONE
        found: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
        return found

    def scores(self, run: Run) -> Path:
        """Return the folder of the scores of a run."""
        return self.root / "steps" / run.scores

    def finish(self, step: Step, record: Mapping[str, Any]) -> None:
        """Note that a step is finished, and drop what only its resumption needed."""
        folder = self.folder(step)
        for checkpoint in (folder / STATE).glob("*/*/last.ckpt"):
            checkpoint.unlink()
        drop_links(folder)
        (folder / FAILED).unlink(missing_ok=True)
        write_json(folder / DONE, dict(record))

    def prepare(self, step: Step) -> Path:
        """Make the folder of a step: values, and links to all that it reads.

        What an interrupted step has left stays: it is resumed.

        Raises:
            MissingDataError: Products of the pipeline are not there.
        """
        missing = sorted(p for p in step.linked if not (self.pipeline / p).exists())
        if missing:
            raise MissingDataError(
                f"{step.name} starts from {', '.join(missing)} below {self.pipeline}: not there; "
                "make it first (`dvc repro manifest depth_anywhere_masks da2_curate check_teacher`;"
                " with the overlay of the scale in params.yaml), or name another clone (--pipeline)"
            )
        folder = self.folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        write_values(step.values, folder / PARAMS_FILE)
        made = {out: self.folder(s) / out for s in step.before for out in s.outputs}
        made |= {
            f"{STATE}/{s.trains}": self.folder(s) / STATE / s.trains
            for s in step.before
            if s.trains
        }
        for out, source in made.items():
            _link(folder / out, source)
        taken = [*made, *step.outputs]
        theirs = [*step.linked]
        for kind in KINDS:
            theirs += [f"{kind}/{p.name}" for p in (self.pipeline / kind).glob("*")]
        for path in dict.fromkeys(theirs):
            if not any(overlaps(path, other) for other in taken) and not path.startswith(
                "packages"
            ):
                _link(folder / path, self.pipeline / path)
        _link(folder / "packages", REPO / "packages")
        return folder


def drop_links(folder: Path) -> None:
    """Take the links out of a folder: what is left is what its step made, for DVC to keep."""
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    for link in links:
        link.unlink()
        for parent in link.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _link(link: Path, source: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink():
        if link.readlink() == source.resolve():
            return
        link.unlink()
    link.symlink_to(source.resolve())
