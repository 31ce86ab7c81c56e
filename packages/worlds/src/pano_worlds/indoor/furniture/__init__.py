"""Furniture: each piece is added at the origin and returns the floor it needs."""
