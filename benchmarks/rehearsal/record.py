"""What ran, how long it took and what stopped, kept in a file from call to call."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.rehearsal.processes import CommandResult
from pano_data import write_json


class Record:
    """The stages and ablations of a rehearsal.

    Args:
        folder: Of the rehearsal; `rehearsal.json` lies in it.
    """

    def __init__(self, folder: Path) -> None:
        self.file = folder / "rehearsal.json"
        kept = json.loads(self.file.read_text()) if self.file.is_file() else {}
        self.entries: dict[str, dict[str, Any]] = kept.get("entries", {})
        self.calls_s: list[float] = kept.get("calls_s", [])

    def ran(self, name: str, outcome: CommandResult, reason: str) -> None:
        """Note a stage that ran; `reason` says what stopped it, if anything did."""
        numbers = {
            "wall_s": round(outcome.wall_s, 1),
            "cpu_s": round(outcome.cpu_s, 1),
            "memory_mb": round(outcome.memory_mb),
        }
        self._write(name, {"state": "failed" if reason else "ran", "reason": reason, **numbers})

    def blocked(self, name: str, reason: str) -> None:
        """Note a stage that could not run, because one before it failed."""
        self._write(name, {"state": "blocked", "reason": reason, "wall_s": 0, "cpu_s": 0})

    def note(self, name: str, wall_s: float) -> None:
        """Note time that belongs to no stage."""
        self._write(name, {"state": "ran", "reason": "", "wall_s": round(wall_s, 1), "cpu_s": 0})

    def looked(self, name: str, missing: str) -> None:
        """Note something that was looked at; `missing` says what is not there."""
        state = "failed" if missing else "ran"
        self._write(name, {"state": state, "reason": missing, "wall_s": 0, "cpu_s": 0})

    def note_call(self, wall_s: float) -> None:
        """Add the time of one call by the clock."""
        self.calls_s.append(round(wall_s, 1))
        self._keep()

    def _write(self, name: str, entry: dict[str, Any]) -> None:
        self.entries.pop(name, None)
        self.entries[name] = entry
        self._keep()
        sys.stdout.write(f"{entry['state']:8}{entry['wall_s']:8.1f} s  {name}  {entry['reason']}\n")
        sys.stdout.flush()

    def _keep(self) -> None:
        write_json(self.file, {"entries": self.entries, "calls_s": self.calls_s})

    def done(self, name: str) -> bool:
        """Tell whether it ran to its end."""
        return self.entries.get(name, {}).get("state") == "ran"

    def failed(self) -> list[str]:
        """Return the names of what failed or was blocked."""
        return [name for name, entry in self.entries.items() if entry["state"] != "ran"]

    def summary(self) -> dict[str, Any]:
        """Return counts by state, the CPU seconds of all, and those of each call by the clock."""
        states = [entry["state"] for entry in self.entries.values()]
        counts = {state: states.count(state) for state in ("ran", "failed", "blocked")}
        cpu = round(sum(entry["cpu_s"] for entry in self.entries.values()))
        return {**counts, "cpu_s": cpu, "calls_s": self.calls_s}

    def table(self) -> str:
        """Return a Markdown table, one row per stage and ablation."""
        lines = ["| stage | state | clock (s) | CPU (s) | memory (MB) |", "| --- " * 5 + "|"]
        lines += [
            f"| {name} | {e['state']}{': ' + e['reason'] if e['reason'] else ''} "
            f"| {e['wall_s']:.1f} | {e['cpu_s']:.1f} | {e.get('memory_mb', 0)} |"
            for name, e in self.entries.items()
        ]
        return "\n".join(lines) + "\n"
