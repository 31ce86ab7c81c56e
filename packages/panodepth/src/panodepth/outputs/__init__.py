"""The files that a prediction becomes."""
