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
        self.entries: dict[str, dict[str, Any]] = (
            json.loads(self.file.read_text()) if self.file.is_file() else {}
        )

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

    def _write(self, name: str, entry: dict[str, Any]) -> None:
        self.entries.pop(name, None)
        self.entries[name] = entry
        write_json(self.file, self.entries)
        sys.stdout.write(f"{entry['state']:8}{entry['wall_s']:8.1f} s  {name}  {entry['reason']}\n")
        sys.stdout.flush()

    def done(self, name: str) -> bool:
        """Tell whether it ran to its end."""
        return self.entries.get(name, {}).get("state") == "ran"

    def failed(self) -> list[str]:
        """Return the names of what failed or was blocked."""
        return [name for name, entry in self.entries.items() if entry["state"] != "ran"]

    def summary(self) -> dict[str, Any]:
        """Return counts by state, and the seconds of all."""
        states = [entry["state"] for entry in self.entries.values()]
        counts = {state: states.count(state) for state in ("ran", "failed", "blocked")}
        return counts | {
            key: round(sum(entry[key] for entry in self.entries.values()))
            for key in ("wall_s", "cpu_s")
        }

    def table(self) -> str:
        """Return a Markdown table, one row per stage and ablation."""
        lines = ["| stage | state | clock (s) | CPU (s) | memory (MB) |", "| --- " * 5 + "|"]
        lines += [
            f"| {name} | {e['state']}{': ' + e['reason'] if e['reason'] else ''} "
            f"| {e['wall_s']:.1f} | {e['cpu_s']:.1f} | {e.get('memory_mb', 0)} |"
            for name, e in self.entries.items()
        ]
        return "\n".join(lines) + "\n"
