"""Structured3D: 21,835 synthetic rooms in 3,500 houses, panoramas 1024x512.

Layout: `scene_00000/2D_rendering/<room>/panorama/{empty,simple,full}/{rgb_*light,depth,...}.png`.
Depth is uint16 millimetres along the ray, 0 = no reading; RGB may carry an alpha channel.
`panorama/camera_xyz.txt` is the camera centre in millimetres, z up; every panorama looks along +y
with +x on its right (docs/datasets.md says why).
Source: Structured3D, ECCV 2020 (arXiv:1908.00222), data organisation, mesh viewer of the release.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from pano_data.datasets.layout import find_top, folders, relative
from pano_data.datasets.poses import PoseMatrix, camera_to_world, motion
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import DataError
from pano_data.manifest import Row
from pano_data.splits import names

Furniture = Literal["empty", "simple", "full"]
LightSetting = Literal["rawlight", "coldlight", "warmlight"]
LOOK = ((1, 0, 0), (0, 0, 1), (0, -1, 0))
"""Camera-to-world rotation of every panorama in the release's world (z up)."""
SPLIT_SCENES = {"train": range(3000), "val": range(3000, 3250), "test": range(3250, 3500)}


def find(
    root: Path,
    split: str,
    furniture: Sequence[Furniture] = ("full",),
    lights: Sequence[LightSetting] = ("rawlight",),
    edge_margin: int = 0,
    layout_errata: bool = False,
) -> Iterator[Found]:
    """List panoramas; scenes that the release calls invalid are left out.

    Some lights and depths are missing.

    Furniture levels and lights share one geometry, so splits are by house, never by image.

    Args:
        root: Folder that holds `scene_*` or `Structured3D/scene_*`.
        split: `train`, `val` or `test`.
        furniture: Of `empty`, `simple`, `full`. DAP trains on `full` (18,298 panoramas),
            DA² on all three (63,097).
        lights: Of `rawlight`, `coldlight`, `warmlight`.
        edge_margin: Pixels to leave out at depth edges; 1 removes the flying pixels that
            anti-aliasing of the release puts between surfaces.
        layout_errata: Leave out the 90 rooms of the errata as well whose *layout* annotation is
            wrong. Their pictures and distances are sound, and the lists of DAP and PanDA name them.
    """
    for scene in folders(find_top(root, "Structured3D"), f"scene_{'[0-9]' * 5}"):
        if int(scene.name.removeprefix("scene_")) not in SPLIT_SCENES[split]:
            continue
        for room in folders(scene / "2D_rendering"):
            listed = {f"{scene.name}_room_{room.name}"} if layout_errata else set()
            if names("structured3d_errata") & {scene.name, *listed}:
                yield Skipped(relative(room, root), "listed in the errata of the release")
                continue
            for level in furniture:
                yield from _room(room / "panorama" / level, root, split, lights, edge_margin)


def _room(
    folder: Path, root: Path, split: str, lights: Sequence[str], edge_margin: int
) -> Iterator[Found]:
    pose = read_pose(folder.parent / "camera_xyz.txt")
    level, room, scene = folder.name, folder.parents[1].name, folder.parents[3].name
    for light in lights:
        image, depth = folder / f"rgb_{light}.png", folder / "depth.png"
        yield Row(
            key=f"{scene}/{room}/{level}/{light}",
            dataset="structured3d",
            split=split,
            scene=scene,
            image=relative(image, root),
            depth=relative(depth, root),
            encoding="png",
            kind="distance",
            units_per_metre=1000,
            invalid=(0,),
            edge_margin=edge_margin,
            pose=pose,
            label="ground_truth",
        )


def read_pose(path: Path) -> PoseMatrix | None:
    """Read the pose of a panorama; None where the file is missing.

    Raises:
        DataError: If the file does not hold three numbers.
    """
    if not path.is_file():
        return None
    try:
        x, y, z = (float(word) / 1000 for word in path.read_text().split())
    except ValueError as error:
        raise DataError(f"{path}: {error}; expected three numbers (millimetres)") from error
    return camera_to_world(motion(LOOK, (x, y, z)), path, z_up=True)


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
