"""Samples that cannot be used: never fatal to a run, never silent."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pano_data.errors import CorruptSampleError, DataError
from pano_data.manifest import Row

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CorruptEntry:
    """A sample that could not be read.

    Attributes:
        key: Key of the sample.
        reason: Short code that can be counted.
        detail: What was got and what was expected.
        dataset: Data set id.
    """

    key: str
    reason: str
    detail: str
    dataset: str


class Quarantine:
    """A file of corrupt samples, one JSON object per line, that any number of processes append to.

    Args:
        path: The file; made with the first entry.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def add(self, row: Row, error: CorruptSampleError) -> None:
        """Append the sample of a row and warn in the log."""
        self.note(corrupt_entry(row, error))

    def note(self, entry: CorruptEntry) -> None:
        """Append an entry and warn in the log."""
        _LOG.warning("quarantined %s %s: %s", entry.dataset, entry.key, entry.detail)
        line = json.dumps(asdict(entry)) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # One write to a file opened for appending is not torn apart by other processes.
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def __iter__(self) -> Iterator[CorruptEntry]:
        """Yield every sample once, though several epochs may have met it.

        Raises:
            DataError: For a line that is no entry.
        """
        if not self.path.is_file():
            return
        seen = set()
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                entry = CorruptEntry(**json.loads(line))
            except (json.JSONDecodeError, TypeError) as error:
                raise DataError(f"{self.path}, line {number} is no entry: {error}") from error
            if (entry.dataset, entry.key) not in seen:
                seen.add((entry.dataset, entry.key))
                yield entry


def corrupt_entry(row: Row, error: CorruptSampleError) -> CorruptEntry:
    """Return the entry of a row that raised."""
    return CorruptEntry(row.key, error.reason, error.detail, row.dataset)
