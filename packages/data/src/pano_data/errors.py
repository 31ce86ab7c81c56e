"""What can be wrong with data: one family, so that a caller can quarantine or report it."""

import reprlib
from pathlib import Path

_SHOWN = reprlib.Repr()
_SHOWN.maxstring, _SHOWN.maxlist, _SHOWN.maxother = 120, 16, 120
brief = _SHOWN.repr
"""A value in a message: a hostile one may hold a million characters."""


class DataError(ValueError):
    """Base of every error of this package that is about data rather than about code.

    Each can be built from a text alone: torch's loader rebuilds what a worker raised from the text
    of its traceback, and makes a RuntimeError of what it cannot rebuild so. The message is then the
    last entry of that traceback.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(_raised_in_worker(message, type(self)) or message)


def _raised_in_worker(text: str, kind: type[Exception]) -> str | None:
    """Return the message at the end of a traceback from a loader's worker, None without one."""
    name = f"\n{kind.__module__}.{kind.__qualname__}: "
    if not text.startswith("Caught ") or name not in text:
        return None
    return text.rpartition(name)[2].strip()


class DatasetNotFoundError(DataError):
    """A data set, one of its splits or a file it needs is not where it was looked for.

    Args:
        what: What is missing, for example `"structured3d, split 'train'"`.
        where: The place that was searched.
        parameter: The argument or parameter that changes that place.
        command: What brings it there: a command, or how the data are obtained.
    """

    def __init__(
        self, what: str, where: Path | str = "", parameter: str = "", command: str = ""
    ) -> None:
        message = f"{what} not found: looked in {where} (set by {parameter}). To get it: {command}"
        super().__init__(message if parameter else what)
        self.what = what
        self.where = str(where)
        self.parameter = parameter
        self.command = command

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        # Loaders pickle errors; the default would pass on one argument of four.
        return type(self), (self.what, self.where, self.parameter, self.command)


class UnknownDatasetError(DataError, KeyError):
    """A data set id that the registry does not know."""

    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the quoted repr


class CorruptSampleError(DataError):
    """A file that cannot be used as it is: quarantine the sample with the reason.

    Args:
        path: The offending file, or the key of the sample.
        reason: Short code that can be counted, for example `"truncated"`.
        detail: What was got and what was expected.
    """

    def __init__(self, path: Path | str, reason: str = "", detail: str = "") -> None:
        message = _raised_in_worker(str(path), type(self))
        if message is not None:
            path, reason, detail = (*message.split(": ", 2), "", "")[:3]
        super().__init__(f"{path}: {reason}: {detail}")
        self.path = str(path)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.path, self.reason, self.detail)


class ManifestError(DataError):
    """A manifest that cannot be read, or rows that cannot form one."""


class UnsafeArchiveError(DataError):
    """An archive member that would be written outside its folder, or a decompression bomb."""


class MissingExtraError(ImportError):
    """A library that only an extra of this package installs is not there.

    Args:
        what: What needs it.
        library: Its name.
        extra: The extra that installs it.
    """

    def __init__(self, what: str, library: str, extra: str = "train") -> None:
        super().__init__(
            f'{what} needs {library}, which is not installed: pip install "pano-data[{extra}]"'
        )
