"""DA360's test packs: Metropolis, and two that other readers know.

`da360_metropolis`: outdoor panoramas.
Layout: `Metropolis/rgb/*.jpg` and `Metropolis/depth/*.png`, in one order: uint16 in 1/512 m,
0 = none. The authors score from 0.2 to 100 m.

`Matterport3D.zip` of the same release is `matterport3d_unifuse`, `test`; `Stanford2D3D.zip` is
`stanford2d3d`, `test`, with `rgb_folder="rgb_"` (its areas have no folder `pano`).

Layout read from its documentation, no real tree seen. Guesses: the depth is a distance along the
ray, and the largest number means that there is no more; `panodepth audit` first.
Source: DA360 (arXiv 2512.22819), `datasets/{metropolis,matterport3d,stanford2d3d}.py` and
`scripts/download_eval_data.sh` of its code release.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pano_data.datasets.layout import files, find_top, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.manifest import Row

_ROLE = re.compile(r"(?<=.)[-_](rgb|depth)$")


def find(root: Path, split: str) -> Iterator[Found]:
    """List the pictures that have a depth map of their name, `_rgb` and `_depth` left out.

    The release pairs by order alone, which a single missing file would shift.
    """
    base = find_top(root, "Metropolis")
    labels = {_ROLE.sub("", path.stem): path for path in files(base / "depth", "*.png")}
    for image in files(base / "rgb", "*.jpg"):
        name = _ROLE.sub("", image.stem)
        depth = labels.pop(name, None)
        if depth is None:
            yield Skipped(relative(image, root), "no depth map of this name")
            continue
        yield Row(
            key=name,
            dataset="da360_metropolis",
            split=split,
            scene=name,
            image=relative(image, root),
            depth=relative(depth, root),
            encoding="png",
            kind="distance",
            units_per_metre=512,
            invalid=(0,),
            far=(65535,),
            environment="outdoor",
            label="ground_truth",
        )
    for depth in labels.values():
        yield Skipped(relative(depth, root), "no picture of this name")


METROPOLIS = DatasetSpec(
    name="da360_metropolis",
    title="Metropolis (DA360)",
    description="Real streets of DA360's outdoor test; layout from its documentation alone.",
    find=find,
    splits=("test",),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype="uint16",
    limit=128.0,
    environment="outdoor",
    access="download archives/Metropolis.zip of hljiang/DA360 from the hub and unpack it",
    licence="Apache-2.0",
)
