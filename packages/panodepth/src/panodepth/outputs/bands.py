"""Large maps a band of rows at a time: what is computed on the way to a file stays small."""

from collections.abc import Iterator

ROWS = 64


def row_bands(height: int) -> Iterator[slice]:
    """Yield slices that cover all rows, in order, `ROWS` of them in each but the last."""
    for first in range(0, height, ROWS):
        yield slice(first, min(first + ROWS, height))
