"""Procedural worlds: seeded indoor and outdoor scenes with exact labels, through any camera."""

from pano_worlds.make import make_world
from pano_worlds.rendering.appearance import CAMERA, CLEAN, UNMARKED, Appearance
from pano_worlds.rendering.render import View, render
from pano_worlds.world import Viewpoint, World, WorldKind, upright
from pano_worlds.world_style import NARROW, STYLES, WIDE, WorldStyle, style_of

__version__ = "0.1.0"
__all__ = [
    "CAMERA",
    "CLEAN",
    "NARROW",
    "STYLES",
    "UNMARKED",
    "WIDE",
    "Appearance",
    "View",
    "Viewpoint",
    "World",
    "WorldKind",
    "WorldStyle",
    "make_world",
    "render",
    "style_of",
    "upright",
]
