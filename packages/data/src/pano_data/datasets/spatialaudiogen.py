"""SpatialAudioGen: frames of 360° YouTube videos, the unlabelled images of Depth Anywhere.

Layouts: `data/frames/<video>/video/<6 digits>.jpg` (preprocessing of the release), or
`all_vids_1k/<video>/*` with masks `all_vids_1k_mask/sky_watermark/sky_watermark/<video>/*` of
the same file name (Depth Anywhere; 255 = keep, 0 = sky or watermark).
Source: Self-Supervised Generation of Spatial Audio (NeurIPS 2018); Depth Anywhere (NeurIPS 2024).
"""

from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, folders, relative, top
from pano_data.datasets.spec import DatasetSpec, Found
from pano_data.manifest import Row

FRAMES, MASKS = "all_vids_1k", "all_vids_1k_mask/sky_watermark/sky_watermark"


def find(root: Path, split: str, released_masks: bool = True) -> Iterator[Found]:
    """List frames; a frame without mask has `mask=None`.

    Args:
        root: Folder that holds the frames and, where they were made, the masks.
        split: `unlabelled`.
        released_masks: Take the masks that lie there; False where a stage makes its own.
    """
    base = top(root, FRAMES, "data/frames", "frames")
    masks = root / MASKS
    for video in folders(base):
        inside = top(video, "video")
        for image in (*files(inside, "*.jpg"), *files(inside, "*.png")):
            mask = masks / image.relative_to(base)
            yield Row(
                key=f"{video.name}/{image.stem}",
                dataset="spatialaudiogen",
                split=split,
                scene=video.name,
                image=relative(image, root),
                mask=relative(mask, root) if released_masks and mask.is_file() else None,
                environment="mixed",
            )


SPEC = DatasetSpec(
    name="spatialaudiogen",
    title="SpatialAudioGen",
    description="Real 360° video frames without depth; masks of sky and watermarks where made.",
    find=find,
    splits=("unlabelled",),
    counts={"unlabelled": 344000},
    projection="erp",
    kind="none",
    metric=True,
    native_size=None,
    label_dtype=None,
    environment="mixed",
    access="fetch the videos of meta/spatialaudiogen_db.lst yourself and extract frames",
    licence="rights stay with the uploaders of the videos",
)
