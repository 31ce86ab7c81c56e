"""Progress of long loops: a bar in a terminal, a line every 20 s or so in a log.

A bar redraws itself with carriage returns, which a file or a pipe keeps as one endless line. Where
the stream is no terminal, tqdm's counting, rate and time left go into whole lines instead.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TextIO, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

LINE_EVERY_S = 20.0
"""Seconds between two lines; a loop that ends sooner writes none."""


def track(
    items: Iterable[Item], what: str, total: int | None = None, shown: bool = True
) -> Iterator[Item]:
    """Pass items on and show on stderr how far the loop has come.

    Args:
        items: What the loop runs over.
        what: Title, for example `rendering structured3d`.
        total: Number of items; their length if None, unknown where they have none.
        shown: False passes the items on in silence.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with open_bar(what, total, shown) as bar:
        for item in items:
            yield item
            bar.update()


def open_bar(
    what: str,
    total: int | None = None,
    shown: bool = True,
    initial: int = 0,
    note: Callable[[], str] | None = None,
) -> "tqdm[Any]":
    """Open a progress display on stderr that its user advances by `update(n)`; a context manager.

    Args:
        what: Title.
        total: Number at which it ends; None if that is not known.
        shown: False shows nothing.
        initial: Number done before, by a run that this one resumes.
        note: Returns what a line of a log says after the numbers, for example the loss; called when
            a line is written.
    """
    stream = sys.stderr
    if stream.isatty():
        return tqdm(
            desc=what, total=total, initial=initial, disable=not shown, leave=None,
            dynamic_ncols=True,
        )  # fmt: skip
    return _LoggedProgress(what, total, not shown, initial, note, stream)


def above_bars() -> AbstractContextManager[None]:
    """Return a context in which what is written on stderr stands above the bars of a terminal."""
    stream = sys.stderr
    return tqdm.external_write_mode(stream) if stream.isatty() else nullcontext()


class _LoggedProgress(tqdm):  # type: ignore[misc]
    """Whole lines in place of a bar: what, n of N, rate, time left."""

    monitor_interval = 0  # no thread: every update looks at the clock

    def __init__(
        self,
        what: str,
        total: int | None,
        disable: bool,
        initial: int,
        note: Callable[[], str] | None,
        stream: TextIO,
    ) -> None:
        self._note = note
        self._told: float | None = None
        number = "{n_fmt}" if total is None else "{n_fmt} of {total_fmt}"
        left = "" if total is None else ", {remaining} left"
        super().__init__(
            desc=what, total=total, initial=initial, disable=disable, file=_LineStream(stream),
            mininterval=LINE_EVERY_S, delay=LINE_EVERY_S, miniters=1,
            bar_format=f"{{desc}}: {number}, {{speed}}{left}{{note}}",
        )  # fmt: skip

    @property
    def format_dict(self) -> dict[str, Any]:
        """Values for `bar_format`: tqdm's, and the rate in words."""
        values: dict[str, Any] = super().format_dict
        rate = values["rate"] or (values["n"] - values["initial"]) / max(values["elapsed"], 1e-9)
        speed = f"{rate:.3g} per s" if rate >= 1 or not rate else f"{1 / rate:.3g} s each"
        note = self._note() if self._note else ""
        return {**values, "speed": speed, "note": f", {note}" if note else ""}

    def display(self, *args: Any, **kwargs: Any) -> bool:
        """Write a line, unless the last one told this number: tqdm tells the end once more."""
        if self.n == self._told:
            return False
        self._told = self.n
        return bool(super().display(*args, **kwargs))

    def moveto(self, n: int) -> None:
        """Stay on the line: nested loops write below each other."""


class _LineStream:
    """Writes what tqdm draws as one line each, without the blanks that erase an earlier one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        line = text.strip()
        if line:
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def flush(self) -> None:
        self._stream.flush()
