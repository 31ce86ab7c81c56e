"""Errors a user can act upon: printed in one line, without a traceback."""


class CommandError(Exception):
    """Bad usage or bad input: the message says what was got, what was expected, what to do."""


class BadPanoramaError(Exception):
    """A file that cannot be used as a panorama, and the reason."""
