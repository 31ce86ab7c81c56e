"""All miniatures, and the function that writes one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from pano_data import DataError, UnknownDatasetError, track
from pano_data.io.atomic import without_flush
from pano_data.workers import open_pool
from pano_geometry.spelling import ask_meant
from pano_worlds.miniatures import (
    hub_parquet,
    hypersim,
    indoor_panoramas,
    matterport3d,
    outdoor_panoramas,
    paper_packages,
    picture_folders,
    sequences,
    stereo,
)
from pano_worlds.miniatures.miniature import AppearanceName, Miniature, Shot, Studio
from pano_worlds.miniatures.studios import WorldStudio
from pano_worlds.world_style import WorldStyle, style_of

STUDIO = "pano_worlds.miniatures.studios"
"""Module that processes which render have imported; it takes this one with it."""

_MINIATURES: dict[str, Miniature] = {
    mini.name: mini
    for layouts in (
        hub_parquet,
        hypersim,
        indoor_panoramas,
        matterport3d,
        outdoor_panoramas,
        paper_packages,
        picture_folders,
        sequences,
        stereo,
    )
    for mini in layouts.MINIATURES
}


def names() -> tuple[str, ...]:
    """Return the ids of the data sets that can be imitated, sorted."""
    return tuple(sorted(_MINIATURES))


def write(
    name: str,
    root: Path | str,
    seed: int = 0,
    scenes: Mapping[str, int] | None = None,
    views: int = 1,
    size: tuple[int, int] | None = None,
    style: str = "wide",
    appearance: AppearanceName | None = None,
    surroundings: tuple[int, int] | None = None,
    studio: Studio | None = None,
    workers: int = 0,
    progress: bool = False,
) -> None:
    """Write a miniature of a data set; equal arguments give equal bytes.

    Args:
        name: Data set id.
        root: Folder of the data set; files of the same name are replaced.
        seed: Chooses the worlds.
        scenes: Number of scenes per split; a few if None.
        views: Viewpoints per scene (frames of a video, samples of a walk).
        size: Stored `(height, width)`; small if None.
        style: Name in `pano_worlds.STYLES`.
        appearance: `clean`, `camera`, or `marked` with tripods and watermarks; that of the data set
            if None.
        surroundings: `(height, width)` of the true panoramas around perspective pictures, written
            below `surroundings` for `pano_data.curation.OracleOutpainter`; None for none.
        studio: Where pictures come from; procedural worlds if None.
        workers: Processes that render scenes; 0 renders in this one. Bytes do not depend on it.
        progress: Show progress on stderr.

    Raises:
        UnknownDatasetError: With the known ids.
        DataError: For a split that the data set does not have, more scenes than it has houses, or
            fewer than one view; for an unknown style; surroundings of what is no picture.
    """
    if name not in _MINIATURES:
        raise UnknownDatasetError(
            f"no miniature of {name!r}{ask_meant(name, names())}, expected one of {names()}"
        )
    mini, root = _MINIATURES[name], Path(root)
    height, width = size or mini.size
    if surroundings is not None and not mini.surroundings:
        raise DataError(f"miniature of {name}: got surroundings, which only pictures have")
    shots = [
        replace(shot, surroundings=surroundings)
        for shot in _shots(mini, scenes or mini.splits, views, (height, width))
    ]
    if studio is None:
        look = appearance or mini.appearance
        studio = WorldStudio(mini.kind, name, seed, look, _style(style))
    scene = partial(_write_scene, mini, root, studio)
    with open_pool(workers, [STUDIO]) as executor:
        done: Iterable[None] = executor.map(scene, shots) if executor else map(scene, shots)
        for _ in track(done, f"rendering {name}", len(shots), progress):
            pass
    if mini.finish is not None:
        mini.finish(root, shots)


def _style(name: str) -> WorldStyle:
    try:
        return style_of(name)
    except ValueError as error:
        raise DataError(str(error)) from None


def _write_scene(mini: Miniature, root: Path, studio: Studio, shot: Shot) -> None:
    with without_flush():
        mini.write_scene(root, studio, shot)


def _shots(
    mini: Miniature, scenes: Mapping[str, int], views: int, size: tuple[int, int]
) -> list[Shot]:
    unknown = sorted(set(scenes) - set(mini.splits))
    if unknown:
        raise DataError(f"miniature of {mini.name}: no split {unknown}, expected {[*mini.splits]}")
    for split, most in mini.most.items():
        if scenes.get(split, 0) > most:
            raise DataError(
                f"miniature of {mini.name}: got {scenes[split]} scenes of {split}, "
                f"which has {most} houses; ask for more views of fewer scenes"
            )
    if views < 1:
        raise DataError(f"miniature of {mini.name}: got views={views}, expected at least 1")
    order = [(split, index) for split in mini.splits for index in range(scenes.get(split, 0))]
    return [
        Shot(split=split, index=index, views=views, size=size, scene=number)
        for number, (split, index) in enumerate(order)
    ]
