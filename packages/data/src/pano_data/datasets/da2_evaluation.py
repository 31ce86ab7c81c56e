"""DA²'s evaluation package: three test sets in DA²'s own units.

Layout: `2D3DS/wo_xyz/area_*`, `Matterport3D/<house>`, `PanoSUNCG/rotated`, each as published,
but DA²'s evaluation divides by 1000, 2560 and 20 where the encodings mean 512, 4000 and 25.5 per
metre, and its cap of 5 is in those units. The rows reproduce that; they are not metric.
Source: DA² (arXiv:2509.26618), `eval/` of its code release.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pano_data.datasets import matterport3d_unifuse, panosuncg, stanford2d3d
from pano_data.datasets.layout import top
from pano_data.datasets.spec import DatasetSpec, Found, Skipped

ACCESS = "download haodongli/DA-2-Evaluation and untar its archives side by side"


def find(
    root: Path, split: str, base: DatasetSpec, base_split: str, folder: str, units: float
) -> Iterator[Found]:
    """List the rows of `base` below `folder` with DA²'s divisor."""
    inside = top(root, folder)
    prefix = inside.relative_to(root)
    for item in base.find(inside, base_split):
        if isinstance(item, Skipped):
            yield dataclasses.replace(item, path=(prefix / item.path).as_posix())
            continue
        assert item.depth is not None  # all three sets are labelled
        yield dataclasses.replace(
            item,
            dataset=f"da2_eval_{base.name.partition('_')[0]}",
            split=split,
            image=(prefix / item.image).as_posix(),
            depth=(prefix / item.depth).as_posix(),
            units_per_metre=units,
            metric=False,
        )


def _spec(base: DatasetSpec, base_split: str, folder: str, units: float, count: int) -> DatasetSpec:
    name = base.name.partition("_")[0]
    return dataclasses.replace(
        base,
        name=f"da2_eval_{name}",
        title=f"{base.title}, DA² evaluation",
        description=f"The package of DA² in its own units, 1/{units:g} of the stored numbers.",
        find=partial(find, base=base, base_split=base_split, folder=folder, units=units),
        splits=("test",),
        counts={"test": count},
        lists={"test": ("panosuncg.txt", "splits/panosuncg.txt")} if name == "panosuncg" else {},
        metric=False,
        access=ACCESS,
    )


SPECS = (
    _spec(stanford2d3d.SPEC, "all", "2D3DS/wo_xyz", 1000, 1413),
    _spec(matterport3d_unifuse.SPEC, "test", "Matterport3D", 2560, 2014),
    _spec(panosuncg.SPEC, "all", "PanoSUNCG", 20, 3944),
)
