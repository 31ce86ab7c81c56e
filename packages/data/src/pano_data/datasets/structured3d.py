"""Structured3D: 21,835 synthetic rooms in 3,500 houses, panoramas 1024x512.

Layout: ``scene_00000/2D_rendering/<room>/panorama/{empty,simple,full}/{rgb_*light,depth,...}.png``.
Depth is uint16 millimetres along the ray, 0 = no reading; RGB may carry an alpha channel.
Source: Structured3D, ECCV 2020 (arXiv:1908.00222), data organisation of the release.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pano_data.datasets.layout import folders, relative, top
from pano_data.datasets.spec import DatasetSpec
from pano_data.errors import DataError
from pano_data.manifest import Row

SPLIT_SCENES = {"train": range(3000), "val": range(3000, 3250), "test": range(3250, 3500)}

INVALID_SCENES = frozenset((1155, 1714, 1816, 3398, 1192, 1852))
"""Scenes that the errata of the release declare invalid as a whole."""


def find(
    root: Path,
    split: str,
    furniture: Sequence[str] = ("full",),
    lights: Sequence[str] = ("rawlight",),
) -> Iterator[Row]:
    """List panoramas that have image and depth; errata and incomplete rooms are left out.

    Furniture levels and lights share one geometry, so splits are by house, never by image.

    Args:
        root: Folder that holds ``scene_*`` or ``Structured3D/scene_*``.
        split: ``train``, ``val`` or ``test``.
        furniture: Of ``empty``, ``simple``, ``full``. DAP trains on ``full`` (18,298 panoramas),
            DA² on all three (63,097).
        lights: Of ``rawlight``, ``coldlight``, ``warmlight``.
    """
    skipped = errata(root)
    base = top(root, "Structured3D")
    for scene in folders(base, "scene_*"):
        number = int(scene.name.removeprefix("scene_"))
        if number not in SPLIT_SCENES[split] or number in INVALID_SCENES:
            continue
        for room in folders(scene / "2D_rendering"):
            if (number, room.name) not in skipped and (number, "") not in skipped:
                yield from _room(room, scene.name, root, split, furniture, lights)


def _room(
    room: Path,
    scene: str,
    root: Path,
    split: str,
    furniture: Sequence[str],
    lights: Sequence[str],
) -> Iterator[Row]:
    for level in furniture:
        depth = room / "panorama" / level / "depth.png"
        for light in lights:
            image = depth.with_name(f"rgb_{light}.png")
            if not (image.is_file() and depth.is_file()):
                continue  # the release lacks some lights and depths
            yield Row(
                key=f"{scene}/{room.name}/{level}/{light}",
                dataset="structured3d",
                split=split,
                scene=scene,
                image=relative(image, root),
                depth=relative(depth, root),
                encoding="png",
                kind="distance",
                units_per_metre=1000,
                invalid=(0,),
                label="ground_truth",
            )


def errata(root: Path) -> frozenset[tuple[int, str]]:
    """Scenes and rooms that ``errata.txt`` (of the release's code) names, if it lies in the root.

    Entries are ``scene_XXXXX`` (room ``""``: the whole scene) or ``scene_XXXXX_room_YYY``.

    Raises:
        DataError: For a line that is neither, a comment nor empty.
    """
    lists = [p for p in (root / "errata.txt", root / "metadata" / "errata.txt") if p.is_file()]
    lines = [line.split("#")[0].strip() for path in lists for line in path.read_text().splitlines()]
    return frozenset(_erratum(line) for line in lines if line)


def _erratum(line: str) -> tuple[int, str]:
    scene, _, room = line.removeprefix("scene_").partition("_room_")
    if not line.startswith("scene_") or not scene.isdigit():
        raise DataError(f"errata.txt: got {line!r}, expected scene_XXXXX or scene_XXXXX_room_YYY")
    return int(scene), room


SPEC = DatasetSpec(
    name="structured3d",
    title="Structured3D",
    description="Synthetic furnished rooms; exact distance, anti-aliased at edges.",
    find=find,
    splits=("train", "val", "test"),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=(512, 1024),
    label_dtype="uint16",
    limit=65.535,
    environment="indoor",
    access="sign the agreement of structured3d-dataset.org and unpack Structured3D_panorama_*.zip",
    licence="non-commercial research",
)
