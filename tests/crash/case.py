"""What the crash lab draws: a kind of accident, one case of it, and how the case ended."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """What a case did, and as promised.

    Attributes:
        what: In words.
        trials: How many accidents of each sort it was, where a case is more than one: "family, 1
            rank, at rename" -> 3. What stands between the commas is counted on the page.
    """

    what: str
    trials: Mapping[str, int] = field(default_factory=dict)


Draw = Callable[[random.Random, Path], str | Done]
"""Does one accident, or several, in an empty folder and says what it was.

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
        different: How many cases there are, where they can be counted: `--every` runs them all,
            each drawn by `rng.randrange(different())`.
        limit_s: Seconds after which a case apart is given up.
    """

    name: str
    promise: str
    draw: Draw
    share: float = 1.0
    apart: bool = True
    quick: bool = True
    different: Callable[[], int] | None = None
    limit_s: float = 600.0


@dataclass(frozen=True)
class Ending:
    """How one case ended.

    Attributes:
        kind: Name of its kind.
        seed: Makes the same case again.
        what: What was done.
        fault: What was not held, None if all was.
        seconds: Wall time.
        trials: See `Done`; one that is named nowhere where it did not end well.
    """

    kind: str
    seed: int
    what: str
    fault: str | None
    seconds: float
    trials: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Accidents that happened."""
        return sum(self.trials.values()) or 1
