"""Miniatures: small trees in the exact layout of each data set, rendered from worlds."""

from pano_worlds.miniatures.miniature import NO_OFFSET, CameraOffset, Shot, Studio, StudioView
from pano_worlds.miniatures.studios import BoxStudio, WorldStudio
from pano_worlds.miniatures.writers import names, write

__all__ = [
    "NO_OFFSET",
    "BoxStudio",
    "CameraOffset",
    "Shot",
    "Studio",
    "StudioView",
    "WorldStudio",
    "names",
    "write",
]
