"""The studio of the embedded pipeline: procedural worlds."""

import zlib
from typing import Any, Literal

from pano_data.miniatures.studio import HERE, Pose, View
from pano_data.worlds import CAMERA, CLEAN, Viewpoint, World, make_world, render

_SEEDS, _SCENES = 1_000_003, 1_000_003
"""Worlds of different data sets or seeds never coincide below this many seeds and scenes."""


class WorldStudio:
    """Renders procedural worlds; the last one is kept, because scenes are written one by one.

    Args:
        kind: Indoor rooms or outdoor streets.
        name: Data set id; data sets never share a world, or test rooms would be trained on.
        seed: Chooses the worlds.
        appearance: ``clean`` pictures, or those of a real ``camera``.
    """

    def __init__(
        self,
        kind: Literal["indoor", "outdoor"],
        name: str,
        seed: int,
        appearance: Literal["clean", "camera"] = "clean",
    ) -> None:
        self.kind = kind
        self._first = (zlib.crc32(name.encode()) * _SEEDS + seed) * _SCENES
        self.appearance = {"clean": CLEAN, "camera": CAMERA}[appearance]
        self._kept: tuple[int, World] | None = None

    def shoot(self, scene: int, viewpoint: int, camera: Any, pose: Pose = HERE) -> View:
        """Render a view of world ``scene``; viewpoints beyond the world's own start over."""
        world = self._world(scene)
        home = world.viewpoints[viewpoint % len(world.viewpoints)]
        place = Viewpoint(
            position=home.position + home.rotation @ pose.step,
            rotation=home.rotation @ pose.rotation,
        )
        noise = (self._first + scene) * 1009 + viewpoint
        return render(world, place, camera, appearance=self.appearance, seed=noise)

    def _world(self, scene: int) -> World:
        if self._kept is None or self._kept[0] != scene:
            self._kept = scene, make_world(self.kind, self._first + scene)
        return self._kept[1]
