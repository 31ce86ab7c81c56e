"""Procedural worlds: seeded indoor and outdoor scenes with exact labels, rendered through any camera."""

from pano_data.worlds.appearance import CAMERA, CLEAN, Appearance
from pano_data.worlds.make import make_world
from pano_data.worlds.render import render
from pano_data.worlds.view import View
from pano_data.worlds.world import Viewpoint, World

__all__ = ["CAMERA", "CLEAN", "Appearance", "View", "Viewpoint", "World", "make_world", "render"]
