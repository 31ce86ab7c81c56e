"""PanoSUNCG: synthetic walks through SUNCG homes; withdrawn, its authors ask not to use it.

Layout: `rotated/<scene>/<trajectory>.txt/<n>_{color,depth}.png` (the folder does end in
`.txt`). Depth is an 8-bit PNG of three equal channels, 255 = 10 m, 0 = missing: steps of 3.9 cm.
Source: BiFuse++ release notes (May 2025, withdrawn); lists of UniFuse.
"""

from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, folders, relative, top
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.manifest import Row


def find(root: Path, split: str) -> Iterator[Found]:
    """List panoramas; which scenes make a split is known from lists only."""
    for scene in folders(top(root, "rotated", "PanoSUNCG/rotated")):
        for trajectory in folders(scene, "*.txt"):
            for image in files(trajectory, "*_color.png"):
                depth = image.with_name(image.name.replace("_color", "_depth"))
                frame = image.name.removesuffix("_color.png")
                yield Row(
                    key=f"{scene.name}/{trajectory.stem}/{frame}",
                    dataset="panosuncg",
                    split=split,
                    scene=scene.name,
                    image=relative(image, root),
                    depth=relative(depth, root),
                    encoding="png",
                    kind="distance",
                    units_per_metre=25.5,
                    invalid=(0,),
                    label="ground_truth",
                )


SPEC = DatasetSpec(
    name="panosuncg",
    title="PanoSUNCG",
    description="Synthetic homes, 8-bit distance up to 10 m. Withdrawn for legal reasons.",
    find=find,
    splits=("train", "val", "test", "all"),
    counts={"train": 19934, "val": 1091, "test": 3944},
    lists={
        split: (f"rotated/{split}.txt", f"panosuncg_{split}.txt", f"{split}.txt")
        for split in ("train", "val", "test")
    },
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype="uint8",
    limit=10,
    environment="indoor",
    access="withdrawn in May 2025: only holders of an old copy have it",
    licence="withdrawn; do not distribute",
)
