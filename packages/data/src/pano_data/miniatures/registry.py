"""Which writer makes which data set, and the one function that runs them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.progress import track

from pano_data.errors import DataError, UnknownDatasetError
from pano_data.miniatures import stanford2d3d, structured3d
from pano_data.miniatures.studio import Shot, Studio


@dataclass(frozen=True, kw_only=True)
class Miniature:
    """How one data set is imitated.

    Attributes:
        write_scene: Writes one scene below the root.
        splits: Scenes a split that are written if the caller does not say.
        size: Stored ``(height, width)`` if the caller does not say.
        kind: Worlds it is made of.
        appearance: ``clean`` (synthetic sets) or ``camera`` (real sets).
        finish: Writes what spans scenes (lists, tables) when all scenes are there.
    """

    write_scene: Callable[[Path, Studio, Shot], None]
    splits: Mapping[str, int]
    size: tuple[int, int]
    kind: Literal["indoor", "outdoor"] = "indoor"
    appearance: Literal["clean", "camera"] = "clean"
    finish: Callable[[Path], None] | None = None


_MINIATURES = {
    "structured3d": Miniature(
        write_scene=structured3d.write_scene,
        splits={"train": 1, "val": 1, "test": 1},
        size=(64, 128),
    ),
    "stanford2d3d": Miniature(
        write_scene=stanford2d3d.write_scene,
        splits={"train": 1, "test": 1},
        size=(64, 128),
        appearance="camera",
    ),
}


def names() -> tuple[str, ...]:
    """Ids of the data sets that can be imitated, sorted."""
    return tuple(sorted(_MINIATURES))


def write(
    name: str,
    root: Path | str,
    seed: int = 0,
    scenes: Mapping[str, int] | None = None,
    views: int = 1,
    size: tuple[int, int] | None = None,
    studio: Studio | None = None,
    progress: bool = False,
) -> None:
    """Write a miniature of a data set; equal arguments give equal bytes.

    Args:
        name: Data set id.
        root: Folder of the data set; files of the same name are replaced.
        seed: Chooses the worlds.
        scenes: Number of scenes a split; one each if None.
        views: Viewpoints a scene.
        size: Stored ``(height, width)``; small if None.
        studio: Where pictures come from; procedural worlds if None.
        progress: Show a progress bar.

    Raises:
        UnknownDatasetError: With the known ids.
        DataError: For a split that the data set does not have.
    """
    if name not in _MINIATURES:
        raise UnknownDatasetError(f"no miniature of {name!r}, expected one of {names()}")
    mini, root = _MINIATURES[name], Path(root)
    shots = _shots(name, mini, scenes or mini.splits, views, size or mini.size)
    if studio is None:
        # Worlds need the ray caster; trees from another studio do not.
        from pano_data.miniatures.worlds_studio import WorldStudio

        studio = WorldStudio(mini.kind, seed, mini.appearance)
    todo: Iterable[Shot] = track(shots, f"rendering {name}") if progress else shots
    for shot in todo:
        mini.write_scene(root, studio, shot)
    if mini.finish is not None:
        mini.finish(root)


def _shots(
    name: str, mini: Miniature, scenes: Mapping[str, int], views: int, size: tuple[int, int]
) -> list[Shot]:
    unknown = sorted(set(scenes) - set(mini.splits))
    if unknown:
        raise DataError(f"miniature of {name}: no split {unknown}, expected {sorted(mini.splits)}")
    order = [(split, index) for split in mini.splits for index in range(scenes.get(split, 0))]
    return [
        Shot(split=split, index=index, views=views, size=size, scene=number)
        for number, (split, index) in enumerate(order)
    ]
