"""Miniatures: small trees in the exact layout of each data set, rendered from worlds."""

from pano_worlds.miniatures.writers import names, write

__all__ = ["names", "write"]
