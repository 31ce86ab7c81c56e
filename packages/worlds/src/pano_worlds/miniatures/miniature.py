"""What miniatures share: their description, the studio that renders them, stored values."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

import pano_geometry as pg
from pano_data.curation.outpaint import SURROUNDINGS
from pano_data.datasets.poses import WORLD_FROM_Z_UP, motion
from pano_data.io.encode import write_png
from pano_worlds.world import WorldKind


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


NO_OFFSET = CameraOffset()


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
        self, scene: int, viewpoint: int, camera: Any, pose: CameraOffset = NO_OFFSET
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


AppearanceName = Literal["clean", "camera", "marked"]


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """A writer of small trees in the layout of one data set.

    Attributes:
        name: Data set id.
        write_scene: Writes one scene below the root.
        splits: Scenes per split that are written if the caller does not say.
        size: Stored `(height, width)` if the caller does not say.
        kind: Worlds it is made of.
        appearance: `clean` (synthetic sets), `camera` (real sets) or `marked` (real sets without
            labels: tripods and watermarks, too).
        surroundings: The writer knows what lies around its perspective pictures.
        most: Scenes that a split has room for, where each needs a house of its own.
        finish: Writes what spans scenes (lists, tables) when all scenes are there.
    """

    name: str
    write_scene: Callable[[Path, Studio, Shot], None]
    splits: Mapping[str, int]
    size: tuple[int, int] = (64, 128)
    kind: WorldKind = "indoor"
    appearance: AppearanceName = "clean"
    surroundings: bool = False
    most: Mapping[str, int] = field(default_factory=dict)
    finish: Callable[[Path, Sequence[Shot]], None] | None = None


def shoot_panoramas(studio: Studio, shot: Shot) -> Iterator[StudioView]:
    """Render a panorama of the scene's size at each of its viewpoints, one after the other."""
    camera = pg.Equirectangular(*shot.size)
    for viewpoint in range(shot.views):
        yield studio.shoot(shot.scene, viewpoint, camera)


def hex_name(*parts: object, length: int = 32) -> str:
    """Make a hexadecimal name that depends on nothing but the parts."""
    text = "/".join(str(part) for part in parts)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:length]


Floats = NDArray[np.float64]
APART_M = 1000.0
"""Worlds that share a scene of a release stand this far apart, so that they do not overlap."""


def euclidean_metres(view: StudioView, sky: float = 0.0) -> Floats:
    """Return Euclidean metres, `sky` where the ray meets nothing."""
    return np.where(view.sky, sky, view.distance.astype(np.float64))


def planar_metres(view: StudioView, camera: Any, sky: float = 0.0) -> Floats:
    """Return metres along the optical axis, `sky` where the ray meets nothing."""
    along = camera.rays(dtype=torch.float64)[..., 2].numpy()
    return np.where(view.sky, sky, view.distance * along)


def round_to_units(
    values: Floats, units_per_metre: float, missing: int = 0, dtype: type[Any] = np.uint16
) -> NDArray[Any]:
    """Round to integer units; `missing` where there is no value or it does not fit."""
    units = np.rint(values * units_per_metre)
    fits = (values > 0) & (units > 0) & (units <= np.iinfo(dtype).max) & (units != missing)
    return np.where(fits, units, missing).astype(dtype)


def add_alpha(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Add the alpha channel that some releases carry."""
    return np.concatenate((rgb, np.full_like(rgb[..., :1], 255)), -1)


def pole_caps(height: int, share: float) -> NDArray[np.bool_]:
    """Return the rows `(h, 1)` at both poles that a real rig does not see."""
    rows = max(1, round(height * share))
    mask = np.zeros((height, 1), bool)
    mask[:rows] = mask[-rows:] = True
    return mask


def pose_y_down(view: StudioView, number: int = 0) -> NDArray[np.float64]:
    """Return the camera-to-world `(4, 4)` of a view of world `number`; OpenCV camera axes."""
    return motion(view.rotation, view.position + np.array((APART_M * number, 0, 0)))


def pose_z_up(view: StudioView, number: int = 0) -> NDArray[np.float64]:
    """Return the same in a world with z up."""
    return np.asarray(WORLD_FROM_Z_UP.T @ pose_y_down(view, number))


RgbBytes = NDArray[np.uint8]


def _as_seen(view: StudioView) -> RgbBytes:
    return view.rgb


def write_surroundings(
    root: Path,
    image: Path,
    studio: Studio,
    shot: Shot,
    viewpoint: int,
    pose: CameraOffset = NO_OFFSET,
    develop: Callable[[StudioView], RgbBytes] = _as_seen,
) -> None:
    """Write the panorama around a picture below `surroundings`, where the shot asks for it.

    Args:
        root: Root of the data set.
        image: The picture.
        studio: What rendered it.
        shot: Its scene.
        viewpoint: Its viewpoint.
        pose: Its camera.
        develop: What the picture shows of a view, where that is more than the rendering.
    """
    if shot.surroundings is None:
        return
    camera = pg.Equirectangular(*shot.surroundings)
    view = studio.shoot(shot.scene, viewpoint, camera, replace(pose, ahead=True))
    path = (root / SURROUNDINGS / image.relative_to(root)).with_suffix(".png")
    write_png(path, develop(view))
