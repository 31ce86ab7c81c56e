"""Errors a user can act upon: printed in one line, without a traceback."""


class CommandError(Exception):
    """Bad usage or bad input: the message says what was got, what was expected, what to do."""


class BadPanoramaError(Exception):
    """A file that cannot be used as a panorama, and the reason."""


def printable(text: str, keep: str = "") -> str:
    """Return text that a terminal shows and does not obey: control characters are spelt out.

    Names of files come from anywhere; they may hold line breaks, escape sequences and marks that
    turn the direction of writing.

    Args:
        text: Any.
        keep: Control characters that stay, for example a line break.
    """
    return "".join(
        c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text
    )
