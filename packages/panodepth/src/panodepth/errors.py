"""Errors a user can act upon: printed in one line, without a traceback."""


class CommandError(Exception):
    """Bad usage or bad input: the message says what was got, what was expected, what to do."""


class BadPanoramaError(Exception):
    """A file that cannot be used as a panorama, and the reason."""


def one_line(error: CommandError) -> str:
    """Return the message as a terminal shows it in one line.

    What a library said over several lines (the error's cause) is folded; a line break anywhere
    else belongs to the name of a file and is spelt out.
    """
    text, cause = str(error), str(error.__cause__ or "")
    return printable(text.replace(cause, " ".join(cause.split())) if "\n" in cause else text)


def printable(text: str) -> str:
    """Return text that a terminal shows and does not obey: control characters are spelt out.

    Names of files come from anywhere; they may hold line breaks, escape sequences and marks that
    turn the direction of writing.

    Args:
        text: Any.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
