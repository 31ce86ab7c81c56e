"""What a training left: its outcome, its words, and what must not be left at all."""

import hashlib
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tests.crash.case import Fault

SETTLE_S = 90.0
"""For processes that notice the death of their parent: torch's workers look every 5 s."""
STRAY = ("*.part*", ".*.old", "*.tmp", "*-journal", "*-wal")
STATE_KEYS = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch")


class Outcome(NamedTuple):
    """What a finished training left: equal outcomes are the same training."""

    weights: str
    state: str
    losses: str
    samples: tuple[str, ...]

    def differences(self, other: "Outcome") -> list[str]:
        """Return the names of what differs."""
        return [k for k in self._fields if getattr(self, k) != getattr(other, k)]


def said(folder: Path) -> str:
    """Return the end of what a training printed."""
    return (folder / "output").read_text()[-2000:]


def steps_done(folder: Path) -> int:
    """Return the last step that the log of a training holds."""
    logs = list(folder.glob(".runs/tiny/*/loss.jsonl"))
    return max((len(log.read_text().splitlines()) for log in logs), default=0)


def skipped(folder: Path) -> int:
    """Return the number of steps that a finished training has left out."""
    (last,) = folder.glob(".runs/tiny/*/last.ckpt")
    found: int = torch.load(last, weights_only=True)["callbacks"]["NonFiniteGuard"]["skipped"]
    return found


def outcome(folder: Path) -> Outcome:
    """Read what a finished training left."""
    run = folder / "runs/tiny"
    (last,) = folder.glob(".runs/tiny/*/last.ckpt")
    state = torch.load(last, weights_only=True)
    digest = hashlib.sha256()
    for key in STATE_KEYS:
        _update(digest, state[key])
    return Outcome(
        hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest(),
        digest.hexdigest(),
        (run / "loss.jsonl").read_text(),
        tuple(log.read_text() for log in sorted(folder.glob(".runs/tiny/*/samples-*.jsonl"))),
    )


def _update(digest: Any, node: Any) -> None:
    if isinstance(node, torch.Tensor):
        digest.update(str(node.dtype).encode() + node.contiguous().numpy().tobytes())
    elif isinstance(node, dict):
        for key in node:
            digest.update(str(key).encode())
            _update(digest, node[key])
    elif isinstance(node, list | tuple):
        for value in node:
            _update(digest, value)
    else:
        digest.update(repr(node).encode())


def stray_files(folder: Path) -> list[str]:
    """Return temporary files that are left below `folder`."""
    found = {p for pattern in STRAY for p in folder.rglob(pattern)}
    return sorted(str(p.relative_to(folder)) for p in found)


def wait_for_processes(folder: Path) -> list[int]:
    """Return the processes that still work in `folder` when all had time to end."""
    end = time.monotonic() + SETTLE_S
    while (left := processes_in(folder)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose working folder is `folder` or below."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            place = (entry / "cwd").resolve()
            zombie = (entry / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            continue  # it ended, or is another user's
        if not zombie and place.is_relative_to(folder.resolve()):
            found.append(int(entry.name))
    return found


def check_same(folder: Path, expected: Outcome, what: str) -> None:
    """Compare a finished training with the unbroken one.

    Raises:
        Fault: It differs, or left a process or a temporary file.
    """
    differ = outcome(folder).differences(expected)
    if differ:
        raise Fault(f"{what}: {differ} differ from the unbroken training")
    if left := wait_for_processes(folder):
        raise Fault(f"{what}: processes {left} are left")
    if stray := stray_files(folder):
        raise Fault(f"{what}: files {stray} are left")
