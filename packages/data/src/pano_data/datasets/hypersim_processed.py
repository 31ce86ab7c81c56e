"""Hypersim as Marigold and Lotus process it: 16-bit PNG, planar.

Layout: `{train,val,test}/ai_VVV_NNN/rgb_cam_XX_frIIII.png` with `depth_plane_cam_XX_frIIII.png`:
uint16 millimetres of z, 0 = missing.
Source: Marigold (CVPR 2024), `preprocess_hypersim.py` of its release.
"""

from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.hypersim import intrinsics
from pano_data.datasets.layout import files, folders, readable_size, relative, top
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.manifest import Row


def find(root: Path, split: str) -> Iterator[Found]:
    """List the images of a split; all scenes have the nominal camera of 60 degrees."""
    for scene in folders(top(root, f"processed/{split}", split), "ai_*"):
        size = readable_size(files(scene, "rgb_*.png"))
        for image in files(scene, "rgb_*.png"):
            depth = image.with_name(image.name.replace("rgb_", "depth_plane_", 1))
            if size is None:
                yield Skipped(relative(image, root), "no image readable")
                continue
            yield Row(
                key=f"{scene.name}/{image.stem.removeprefix('rgb_')}",
                dataset="hypersim_processed",
                split=split,
                scene=scene.name,
                image=relative(image, root),
                depth=relative(depth, root),
                projection="pinhole",
                encoding="png",
                kind="z",
                units_per_metre=1000,
                invalid=(0,),
                intrinsics=intrinsics(None, *size),
                label="ground_truth",
            )


SPEC = DatasetSpec(
    name="hypersim_processed",
    title="Hypersim (Marigold form)",
    description="Hypersim as 16-bit PNG; planar depth up to 65 m.",
    find=find,
    splits=("train", "val", "test"),
    projection="pinhole",
    kind="z",
    metric=True,
    native_size=(768, 1024),
    label_dtype="uint16",
    limit=65.535,
    environment="indoor",
    access="run script/dataset_preprocess/hypersim of Marigold over Hypersim",
    licence="CC BY-SA 3.0",
)
