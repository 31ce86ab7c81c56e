"""Which known name a misspelt one may mean, for the error messages of all packages."""

import difflib
from collections.abc import Collection

ALIKE = 0.7
"""Share of letters in common (`difflib`'s ratio) from which a name may be another, misspelt."""


def find_meant(name: str, known: Collection[str], alike: float = ALIKE) -> str | None:
    """Return the known name that is spelled most like `name`, None if none is like it at all.

    Args:
        name: As somebody typed it; case does not count.
        known: The names that exist.
        alike: Least share of letters in common, of 1.
    """
    words = {word.lower(): word for word in sorted(known)}
    close = difflib.get_close_matches(name.lower(), words, n=1, cutoff=alike)
    return words[close[0]] if close else None


def ask_meant(name: str, known: Collection[str]) -> str:
    """Return ` (is NAME meant?)` to put behind the misspelt name, or nothing."""
    close = find_meant(name, known)
    return "" if close is None else f" (is {close} meant?)"
