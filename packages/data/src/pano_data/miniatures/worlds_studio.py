"""The studio of the embedded pipeline: procedural worlds."""

from typing import Any, Literal

from pano_data.miniatures.studio import HERE, Pose, View
from pano_data.worlds import CAMERA, CLEAN, Viewpoint, World, make_world, render

_SCENES_A_SEED = 1_000_003
"""Worlds of different seeds never coincide below this many scenes."""


class WorldStudio:
    """Renders procedural worlds; the last one is kept, because scenes are written one by one.

    Args:
        kind: Indoor rooms or outdoor streets.
        seed: Chooses the worlds.
        appearance: ``clean`` pictures, or those of a real ``camera``.
    """

    def __init__(
        self,
        kind: Literal["indoor", "outdoor"],
        seed: int,
        appearance: Literal["clean", "camera"] = "clean",
    ) -> None:
        self.kind = kind
        self.seed = seed
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
        noise = self.seed * _SCENES_A_SEED + 1009 * scene + viewpoint
        return render(world, place, camera, appearance=self.appearance, seed=noise)

    def _world(self, scene: int) -> World:
        if self._kept is None or self._kept[0] != scene:
            self._kept = scene, make_world(self.kind, self.seed * _SCENES_A_SEED + scene)
        return self._kept[1]
