"""What a training has to reach before anything may be built on it."""


class GateError(RuntimeError):
    """A finished training is not good enough for what comes after it; nothing was published."""
