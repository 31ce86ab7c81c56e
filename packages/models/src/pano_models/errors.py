"""Errors of this package: all are `ValueError`s, so a caller can catch one family."""


class ModelNotFoundError(ValueError):
    """No model of that name, no folder at that path, no such id on the hub."""


class CheckpointError(ValueError):
    """A weight file that is damaged, of another model, not of tensors alone, or not finite."""


class PredictionError(ValueError):
    """A network returned NaN, infinity, or no map that says how far anything is."""
