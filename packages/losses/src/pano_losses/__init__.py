"""Losses, alignment, metrics and evaluation protocols of panoramic depth estimation."""
