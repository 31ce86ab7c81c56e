"""What has been scored so far, on disk: a killed run goes on where it was."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO


class Journal:
    """One append-only file a rank; each line is a finished batch.

    A line counts only if it is whole, so a kill in the middle of a write costs that batch and nothing else. Any number of
    ranks can go on from what another number of ranks left.

    Args:
        folder: Holds the files; named by the identity of the run, so that another run never reads them.
        rank: This process.
    """

    def __init__(self, folder: Path, rank: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / f"{rank}.jsonl"

    def entries(self) -> dict[int, dict[str, Any]]:
        """Finished batches of all ranks by number, sorted."""
        found = {entry["batch"]: entry for entry in self._lines()}
        return dict(sorted(found.items()))

    def append(self, entry: Mapping[str, Any]) -> None:
        """Adds a finished batch; it is on disk when this returns."""
        with self.path.open("ab+") as file:
            file.write(b"" if self._ends_whole(file) else b"\n")
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @staticmethod
    def _ends_whole(file: BinaryIO) -> bool:
        """False behind a line that a kill has torn."""
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"

    def _lines(self) -> Iterator[dict[str, Any]]:
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in path.read_text().split("\n"):
                try:
                    entry = json.loads(line)
                except ValueError:  # torn by a kill
                    continue
                if isinstance(entry, dict) and "batch" in entry:
                    yield entry
