"""What the crash lab draws: a kind of accident, one case of it, and how the case ended."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Draw = Callable[[random.Random, Path], str]
"""Does one accident in an empty folder and says what it was.

Raises:
    Fault: What was promised was not held.
"""


class Fault(AssertionError):  # noqa: N818 - a verdict, and no mistake of this code
    """A promise that a case broke."""


@dataclass(frozen=True)
class Kind:
    """A kind of accident.

    Attributes:
        name: As the page and the command line have it, e.g. `T1-training`.
        promise: What holds in each of its cases.
        draw: One case.
        share: Of the time, beside the shares of other kinds.
        apart: Whether a case runs in a process of its own, with a limit of memory; those that
            start processes themselves do not.
        quick: Whether the draw that CI makes has it.
    """

    name: str
    promise: str
    draw: Draw
    share: float = 1.0
    apart: bool = True
    quick: bool = True


@dataclass(frozen=True)
class Ending:
    """How one case ended.

    Attributes:
        kind: Name of its kind.
        seed: Makes the same case again.
        what: What was done.
        fault: What was not held, None if all was.
        seconds: Wall time.
    """

    kind: str
    seed: int
    what: str
    fault: str | None
    seconds: float
