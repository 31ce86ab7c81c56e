"""Scores of reconstructed rooms."""
