"""The error a user can do something about: printed without a traceback, exit code 2."""


class CommandError(Exception):
    """Bad usage or bad input; the message says what was got, what was expected and what to do."""
