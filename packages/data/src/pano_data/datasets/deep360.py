"""Deep360: synthetic driving (CARLA) seen by four fisheye-like rigs, 3,000 frames.

Layout: `ep<1..6>_500frames/{training,validation,testing}/{rgb,rgb_soiled}/<6 digits>_12_rgb1.png`
and `depth/<6 digits>_depth.npz`. Cassini projection 512 wide x 1024 high, float metres of
camera 1, values beyond 1000 m are sky.
Source: MODE (ECCV 2022, arXiv:2207.12034).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pano_data.datasets.layout import files, find_top, folders, relative
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.manifest import Row

FOLDERS = {"train": "training", "val": "validation", "test": "testing"}
FAR_FROM = 1000.0


def find(
    root: Path, split: str, rgb_folder: Literal["rgb", "rgb_soiled"] = "rgb", faithful: bool = False
) -> Iterator[Found]:
    """List frames of a split.

    Args:
        root: Folder that holds `ep*_500frames`.
        split: `train`, `val` or `test`.
        rgb_folder: `rgb`, or `rgb_soiled` for dirty lenses.
        faithful: Convert to panoramas as DAP and PanDA do, to reproduce their scores: half a pixel
            off, distance interpolated over edges, sky left as a large distance.
    """
    for episode in folders(find_top(root, "Deep360"), "ep*_500frames"):
        part = episode / FOLDERS[split]
        # Depth is that of camera 1 in pair 12, as the readers of MODE, PanDA and DAP take it.
        for image in files(part / rgb_folder, "*_12_rgb1.png"):
            frame = image.name.split("_", 1)[0]
            depth = part / "depth" / f"{frame}_depth.npz"
            yield Row(
                key=f"{episode.name.split('_', 1)[0]}/{frame}",
                dataset="deep360",
                split=split,
                scene=episode.name,
                image=relative(image, root),
                depth=relative(depth, root),
                projection="cassini",
                encoding="npz",
                kind="distance",
                far_from=None if faithful else FAR_FROM,
                faithful=faithful,
                environment="outdoor",
                label="ground_truth",
            )


SPEC = DatasetSpec(
    name="deep360",
    title="Deep360",
    description="Synthetic streets in Cassini projection, converted to panoramas when read.",
    find=find,
    splits=("train", "val", "test"),
    counts={"train": 2100, "val": 300, "test": 600},
    projection="cassini",
    kind="distance",
    metric=True,
    native_size=(1024, 512),
    label_dtype="float32",
    limit=1000,
    environment="outdoor",
    access="download ep1..ep6_500frames.zip from the MODE-2022 release and check their MD5",
    licence="not stated for the data",
)
