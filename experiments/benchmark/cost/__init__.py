"""Stage: parameters, time and memory of each model."""
