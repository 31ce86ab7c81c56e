"""DAP-2M: the labelled outdoor panoramas of DAP, and DAP-Test, which lies in the same folders.

Layout: `raw_data_<mmdd>/[nyc_|sfc_]raw_{imgs,images}[_part1]_panorama/*_<n>.png` with
`erp_distance_npy/*_<n>.npy` or `[nyc_|sfc_]distance[_part1]_panorama_npy/*_<n>.npy`: float
metres along the ray, 100 and more is sky or beyond range. The test list of DAP's code
tells the 1,343 test images from those to train on.
Source: DAP (arXiv:2512.16913), test list of its code release.
"""

import dataclasses
import logging
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pano_data.datasets.layout import files, find_top, folders, read_list, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.manifest import Row

FAR_FROM = 100.0
TEST_LISTS = ("instadata_list_test.txt", "datasets/instadata_list_test.txt")
_LOG = logging.getLogger(__name__)
_NUMBER = re.compile(r"(\d+)$")


def find(root: Path, split: str, dataset: str) -> Iterator[Found]:
    """List image and distance pairs; files are paired by the number that ends their names.

    The images of DAP-Test are left out of `dap2m_labelled` if their list lies in the tree.
    """
    base = find_top(root, "DAP_data", "DAP-2M")
    tested = _read_test_list(root) if dataset == "dap2m_labelled" else frozenset()
    for batch in folders(base, "raw_data_*"):
        for images in folders(batch, "*raw_im*panorama"):
            distances = _list_by_number(_distance_folder(images))
            for image in files(images, "*.png"):
                depth = distances.get(_number(image))
                if relative(image, base) in tested:
                    yield Skipped(relative(image, root), "belongs to DAP-Test")
                    continue
                if depth is None:
                    yield Skipped(relative(image, root), "distance missing")
                    continue
                yield Row(
                    key=f"{batch.name}/{images.name}/{image.stem}",
                    dataset=dataset,
                    split=split,
                    scene=f"{batch.name}/{images.name}",
                    image=relative(image, root),
                    depth=relative(depth, root),
                    encoding="npy",
                    kind="distance",
                    far_from=FAR_FROM,
                    environment="outdoor",
                    label="ground_truth",
                )


def _read_test_list(root: Path) -> frozenset[str]:
    for place in TEST_LISTS:
        if (root / place).is_file():
            return frozenset(words[0] for words in read_list(root / place))
    _LOG.warning(
        "%s: no %s, so images of DAP-Test cannot be told from those to train on",
        root,
        TEST_LISTS[0],
    )
    return frozenset()


def _distance_folder(images: Path) -> Path:
    named = re.sub("raw_(images|imgs)", "distance", images.name) + "_npy"
    return find_top(images.parent, named, "erp_distance_npy")


def _list_by_number(folder: Path) -> dict[str, Path]:
    return {_number(path): path for path in files(folder, "*.npy")}


def _number(path: Path) -> str:
    found = _NUMBER.search(path.stem)
    return found[1] if found else path.stem


LABELLED = DatasetSpec(
    name="dap2m_labelled",
    title="DAP-2M, labelled",
    description="Synthetic outdoor flights (UE5, AirSim360), about 90,000 with exact distance.",
    find=partial(find, dataset="dap2m_labelled"),
    splits=("train",),
    projection="erp",
    kind="distance",
    metric=True,
    native_size=None,
    label_dtype="float32",
    limit=FAR_FROM,
    environment="outdoor",
    access=(
        "download the parts of DAP_data and copy datasets/instadata_list_test.txt of the DAP code "
        "beside them"
    ),
    licence="not stated",
)
TEST = dataclasses.replace(
    LABELLED,
    name="dap_test",
    title="DAP-Test",
    description="1,343 synthetic outdoor panoramas that DAP tests on.",
    find=partial(find, dataset="dap_test"),
    splits=("test",),
    counts={"test": 1343},
    lists={"test": TEST_LISTS},
    access="download DAP_data and copy datasets/instadata_list_test.txt of the DAP code beside it",
)
