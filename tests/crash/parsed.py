"""A training that has read its values and waits; each fork of it goes on in a folder of its own.

To import, to build the parser, to read the values and to write them out again is most of what a
tiny training costs, and touches no file but the values. The lab does it once for many trainings;
what a kill can hit, from the first look at the data to the published folder, happens in the fork.
"""

import gc
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import set_start_method
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from unittest.mock import patch

from experiments.pipeline import config_errors
from experiments.training import cli
from tests.crash.case import Fault
from tests.crash.hooks import Before
from tests.experiments import tiny

POLL_S = 0.02
PATIENCE_S = 300.0


class Request(NamedTuple):
    """Where a fork goes on."""

    folder: Path
    variables: Mapping[str, str]
    before: Before | None


class Child:
    """A fork: what a `multiprocessing.Process` tells of itself, asked of its parent."""

    def __init__(self, parent: Connection, pid: int) -> None:
        self.pid = pid
        self._parent = parent
        self._code: int | None = None

    @property
    def exitcode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        if self._code is None:
            self._parent.send(self.pid)
            self._code = self._parent.recv()
        return self._code

    def kill(self) -> None:
        """Send SIGKILL, if it runs."""
        if self.exitcode is None:  # nobody else waits for it: its number is still its own
            os.kill(self.pid, signal.SIGKILL)

    def join(self, limit_s: float | None = None) -> None:
        """Wait for its end."""
        end = time.monotonic() + (limit_s if limit_s is not None else PATIENCE_S)
        while self.exitcode is None and time.monotonic() < end:
            time.sleep(POLL_S)


class Parsed:
    """The training that waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def fork(
        self, folder: Path, variables: Mapping[str, str], before: Before | None = None
    ) -> Child:
        """Let a copy of it train in `folder`; `before` runs first."""
        self._connection.send(Request(folder, dict(variables), before))
        return Child(self._connection, self._connection.recv())


@contextmanager
def parsed(paper: str, argv: Sequence[str], start: Path, output: Path) -> Iterator[Parsed]:
    """Start a training, stop it where its values are read, and yield it.

    Args:
        paper: Folder of `experiments` whose command it is.
        argv: Words of the command line after `fit`.
        start: Folder with its values; its forks are in copies of it.
        output: File for what it says.

    Raises:
        Fault: It did not come so far.
    """
    here, there = tiny.FORKS.Pipe()
    process = tiny.FORKS.Process(target=_parse, args=(there, paper, argv, start, output))
    process.start()
    there.close()
    try:
        if not here.poll(PATIENCE_S) or here.recv() != "ready":
            raise Fault(f"{paper} {argv} was not read: {output.read_text()[-2000:]}")
        yield Parsed(here)
    except EOFError:
        raise Fault(f"{paper} {argv} ended early: {output.read_text()[-2000:]}") from None
    finally:
        here.close()
        process.kill()
        process.join()


def _parse(
    connection: Connection, paper: str, argv: Sequence[str], start: Path, output: Path
) -> None:
    tiny.print_to(output)
    os.environ.update(tiny.environment(start))
    os.chdir(start)

    class Reading(cli.ParamsCLI):
        """Writes its values out before it waits, as it would when it builds the network."""

        def before_instantiate_classes(self) -> None:
            """Return in each fork."""
            self._dump_config()
            super().before_instantiate_classes()

    check = config_errors.check_manifests

    def first_look(data: Mapping[str, Any]) -> None:
        _go_on(_requested(connection))
        check(data)

    with (
        patch.object(cli, "ParamsCLI", Reading),
        patch.object(config_errors, "check_manifests", first_look),
    ):
        cli.main(paper, ["fit", *argv])


def _requested(connection: Connection) -> Request:
    """Return in a fork what it was asked for; the parent stays here until nobody asks."""
    gc.freeze()  # else a fork's first collection copies every page that holds an object
    connection.send("ready")
    while True:
        try:
            asked = connection.recv()
        except EOFError:
            _end()
        if isinstance(asked, Request):
            pid = os.fork()
            if not pid:
                connection.close()
                return asked
            connection.send(pid)
        else:
            done, status = os.waitpid(asked, os.WNOHANG)
            connection.send(os.waitstatus_to_exitcode(status) if done else None)


def _end() -> NoReturn:
    os._exit(0)


def _go_on(request: Request) -> None:
    tiny.print_to(request.folder / "output")
    os.environ.update(request.variables)
    os.chdir(request.folder)
    set_start_method("fork", force=True)  # else the loader's workers start a server of their own
    if request.before is not None:
        request.before(request.folder)
