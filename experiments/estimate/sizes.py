"""How many panoramas and bytes the data sets hold, as published."""

from pano_data import datasets

UNLABELLED_PANORAMAS = 1_900_000
"""DAP (arXiv 2512.16913), section 3."""
_ROOMS = {"train": 18298, "val": 1776, "test": 1691}
"""Of Structured3D: lines of the cleaned lists of PanDA."""
SIZES = {
    **{("structured3d", split): rooms for split, rooms in _ROOMS.items()},
    **{("structured3d", f"{s}_all_furniture"): 3 * rooms for s, rooms in _ROOMS.items()},
    ("hypersim", "complete"): 39649,  # DA² (arXiv 2509.26618), Table 4, and the next
    ("ken_burns", "train"): 151996,
    ("da2_curated", "train"): 543425,
    ("dap2m_labelled", "train"): 90000,  # DAP, section 3
    ("dap2m_unlabelled", "unlabelled"): UNLABELLED_PANORAMAS,
    ("matterport3d_pano3d", "test"): 2014,
    ("stanford2d3d", "train"): 1040,  # fold 1: areas 1, 2, 3, 4, 6
}
"""What `counts` of a data set leaves open: sets whose releases name no number, and choices."""
# Tables of the releases; a terabyte is 1e12 bytes.
RAW_BYTES = {
    "hypersim": 1.9e12, "dynamic_replica": 1.8e12, "unrealstereo4k": 74e9, "ken_burns": 119e9,
    "stanford2d3d": 110e9,
    # as large as the archives of its MVS-Synth, 27.5 GB of 12,000 panoramas
    "da2_curated": 543425 * 27.54e9 / 12000,
}  # fmt: skip
PICTURE_BYTES = 880e3 + 145e3
"""Of a set whose size is not published: a PNG of 512x1024 and its depth (docs/scale.md)."""
PACKED_BYTES = 302e3
"""A panorama of 512x1024 in a shard: JPEG and distance."""
LABEL_BYTES = 177e3
"""Its pseudo-label, a 16-bit PNG."""


def size_of(dataset: str, split: str) -> int:
    """Return the published number of pictures of a split."""
    known = SIZES.get((dataset, split))
    return datasets.get(dataset).counts[split] if known is None else known


def raw_bytes(dataset: str) -> float:
    """Return the published size of a data set, or that of its pictures as PNG."""
    if dataset in RAW_BYTES:
        return RAW_BYTES[dataset]
    splits = {**datasets.get(dataset).counts}
    splits |= {s: n for (d, s), n in SIZES.items() if d == dataset and "_all_" not in s}
    splits.pop("all", None)
    return PICTURE_BYTES * sum(splits.values())
