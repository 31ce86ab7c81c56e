"""Furnished houses."""
