"""Rigs: several views that together see the whole sphere."""
