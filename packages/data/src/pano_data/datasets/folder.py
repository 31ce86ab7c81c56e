"""Any folder of panoramas, with masks of the same name if there are some; no labels.

DAP's unlabelled part (web video frames, generated rooms) has no published lists: whoever has such
pictures puts them into a folder.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pano_data.datasets.layout import find_top, relative
from pano_data.datasets.spec import DatasetSpec, Found, Skipped
from pano_data.errors import CorruptSampleError
from pano_data.io.images import image_size
from pano_data.io.paths import has_suffix, list_files
from pano_data.io.pictures.metadata import is_two_to_one
from pano_data.io.pictures.picture import EXACT, SUFFIXES, read_header
from pano_data.manifest import Environment, Row


def find(
    root: Path,
    split: str,
    dataset: str = "folder",
    images: str = "images",
    masks: str = "masks",
    environment: Environment = "mixed",
) -> Iterator[Found]:
    """List all 2:1 images below `images` (below the root where there is no such folder).

    Any format of `pano_data.io.pictures`; a crop of the sphere (XMP GPano) is left out.

    Args:
        root: The folder.
        split: Name to give the rows.
        dataset: Data set id to give the rows.
        images: Folder of the images.
        masks: Folder of masks with the same relative name (`.png`), 255 = keep.
        environment: What the rows say of the pictures.
    """
    base, keep = find_top(root, images), root / masks
    listing = list_files(base, has_suffix(SUFFIXES))
    yield from (Skipped(relative(path, root), "hidden") for path in listing.hidden)
    for folder, reason in listing.unreadable:
        yield Skipped(relative(folder, root), f"cannot be opened ({reason})")
    for image in listing.files:
        if keep in image.parents:
            continue
        if (problem := problem_of(image)) is not None:
            yield Skipped(relative(image, root), problem)
            continue
        inside = image.relative_to(base)
        mask = (keep / inside).with_suffix(".png")
        yield Row(
            # The suffix stays: a.jpg and a.png are two pictures.
            key=inside.as_posix(),
            dataset=dataset,
            split=split,
            scene=inside.parent.as_posix(),
            image=relative(image, root),
            mask=relative(mask, root) if mask.is_file() else None,
            environment=environment,
        )


def problem_of(image: Path, sphere: bool = True) -> str | None:
    """Return why a picture cannot be used, None if it can.

    Args:
        image: The file.
        sphere: It has to be a whole panorama.
    """
    if any("\ud800" <= letter <= "\udfff" for letter in str(image)):  # how Python shows odd bytes
        return "name is not UTF-8"  # a manifest could not hold it
    try:
        if image.suffix.lower() in EXACT:
            image_size(image)  # finds damage that other decoders pass over
        header = read_header(image)
    except CorruptSampleError as error:
        return error.reason
    except OSError as error:  # a dangling link, no permission
        return f"cannot be opened ({error.strerror})"
    if header.crop is not None and not header.crop.is_whole:
        return "a crop of the sphere"
    if header.turn != 1 and image.suffix.lower() in EXACT:
        return "turned by EXIF"
    return "not 2:1" if sphere and not is_two_to_one(*header.size) else None


FOLDER = DatasetSpec(
    name="folder",
    title="A folder of panoramas",
    description="Unlabelled panoramas of your own.",
    find=find,
    splits=("unlabelled",),
    projection="erp",
    kind="none",
    metric=True,
    native_size=None,
    label_dtype=None,
    environment="mixed",
    access="put 2:1 panoramas into a folder",
    licence="yours",
)
DAP_UNLABELLED = dataclasses.replace(
    FOLDER,
    name="dap2m_unlabelled",
    title="DAP-2M, unlabelled",
    description="About 1.9 million web and generated panoramas that DAP pseudo-labels.",
    find=partial(find, dataset="dap2m_unlabelled"),
    access="not published as lists: put your own panoramas below images/",
    licence="not stated",
)
