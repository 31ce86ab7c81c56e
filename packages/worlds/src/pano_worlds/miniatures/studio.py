"""What renders the pictures of miniatures: by scene number, viewpoint and camera."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CameraOffset:
    """Where a camera is, relative to the viewpoint.

    Attributes:
        rotation: `(3, 3)` camera to viewpoint, OpenCV axes.
        step: `(3,)` metres in the axes of the viewpoint.
        ahead: Turn the viewpoint to where a perspective picture looks; those always are.
    """

    rotation: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    step: NDArray[np.float64] = field(default_factory=lambda: np.zeros(3))
    ahead: bool = False


HERE = CameraOffset()


class StudioView(Protocol):
    """What writers need of a rendered view; `pano_worlds` gives it.

    Attributes:
        rgb: `(h, w, 3)` uint8.
        distance: `(h, w)` float32 metres along the ray, 0 where sky.
        normal: `(h, w, 3)` float32 in camera axes.
        instance: `(h, w)` int32.
        sky: `(h, w)` bool.
        position: `(3,)` metres in the world.
        rotation: `(3, 3)` camera-to-world.
    """

    @property
    def rgb(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def distance(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def normal(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def instance(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def sky(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def position(self) -> NDArray[Any]: ...  # noqa: D102
    @property
    def rotation(self) -> NDArray[Any]: ...  # noqa: D102


class Studio(Protocol):
    """Renders scene `scene` from its viewpoint `viewpoint` with a camera of pano_geometry."""

    def orientation(self, scene: int, viewpoint: int) -> NDArray[np.float64]:
        """Return the camera-to-world rotation `(3, 3)` of a viewpoint."""

    def shoot(
        self, scene: int, viewpoint: int, camera: Any, pose: CameraOffset = HERE
    ) -> StudioView:
        """Render one view; equal arguments give equal pictures."""


@dataclass(frozen=True)
class Shot:
    """One scene of a miniature: what to write, and how large.

    Attributes:
        split: Split the scene belongs to.
        index: Number of the scene within the split.
        views: Viewpoints to write.
        size: `(height, width)` of the stored pictures.
        scene: Number of the scene over all splits: what the studio renders.
        surroundings: `(height, width)` of the panoramas around perspective pictures; None for none.
    """

    split: str
    index: int
    views: int
    size: tuple[int, int]
    scene: int
    surroundings: tuple[int, int] | None = None
