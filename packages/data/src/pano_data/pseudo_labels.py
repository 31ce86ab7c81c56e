"""Labels that a model made: written like any label, with their maker and how good they look."""

import dataclasses
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pano_data.errors import DataError
from pano_data.io.encode import write_float16_png
from pano_data.io.paths import join_inside
from pano_data.manifest import Row

Selection = Literal["score", "random"]


def label_path(row: Row) -> str:
    """Return where the label of a panorama lies below the folder of labels."""
    return f"{row.dataset}/{row.key}.png"


def write_pseudo_label(
    folder: Path, row: Row, distance: NDArray[np.float32], far: NDArray[np.bool_]
) -> None:
    """Write one label as half floats in a 16-bit PNG, atomically.

    Half floats keep 3 significant digits at every range (relative error up to 2^-11), which is far
    below the error of any labeler.

    Args:
        folder: Folder of labels.
        row: The panorama that was labelled.
        distance: `(h, w)` metres.
        far: `(h, w)` True where the model sees sky or beyond range; stored as infinity.

    Raises:
        DataError: If a distance that is not far is not finite or not positive.
    """
    near = distance[~far]
    if near.size and not (np.isfinite(near).all() and (near > 0).all()):
        raise DataError(
            f"label of {row.key!r}: got distances from {near.min()} to {near.max()}, "
            "expected finite positive metres where the model does not say far"
        )
    path = join_inside(folder, label_path(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_float16_png(path, np.where(far, np.inf, distance))


def pseudo_row(row: Row, image_prefix: str, label_prefix: str, provenance: str) -> Row:
    """Return the row of a panorama with its new label; both paths relative to a common root.

    Args:
        row: Row of the unlabelled panorama.
        image_prefix: Path from the common root to the root of `row`.
        label_prefix: Path from the common root to the folder of labels.
        provenance: Which model made the label, from which run.

    Raises:
        DataError: If the image is a Cassini map: models label the panorama made of it, and reading
            would convert the label a second time.
    """
    if row.projection == "cassini":
        raise DataError(
            f"{row.dataset} {row.key!r} is stored as a Cassini map, whose label cannot be stored "
            "as a panorama; convert the images to panoramas first"
        )
    return dataclasses.replace(
        row,
        image=f"{image_prefix}/{row.image}",
        mask=None if row.mask is None else f"{image_prefix}/{row.mask}",
        depth=f"{label_prefix}/{label_path(row)}",
        encoding="png_float16",
        kind="distance",
        units_per_metre=1.0,
        invalid=(0.0,),
        far=(float("inf"),),
        far_from=None,
        invalid_from=None,
        label="pseudo",
        provenance=provenance,
    )


def select_rows(
    rows: Iterable[Row], keep: Mapping[str, int], by: Selection = "score", seed: int = 0
) -> list[Row]:
    """Select the best rows of each environment.

    Args:
        rows: Scored pseudo-labelled rows.
        keep: Environment -> how many rows to keep; environments that are not named are dropped.
        by: Highest `score` first, or at random (the ablation).
        seed: Seed of the random selection.

    Raises:
        DataError: If a row has no score (NaN is none), or an environment has no row at all.

    Source: DAP (arXiv 2512.16913): the top 300k indoor and 300k outdoor, ranked, no threshold.
    """
    rows = list(rows)
    unscored = [row.key for row in rows if row.score is None or math.isnan(row.score)]
    if unscored and by == "score":
        raise DataError(
            f"{len(unscored)} rows have no score or NaN, e.g. {unscored[:3]}; score them first"
        )
    chosen: list[Row] = []
    for environment, count in keep.items():
        candidates = [row for row in rows if row.environment == environment]
        if not candidates:
            raise DataError(f"got no row with environment={environment!r}, asked to keep {count}")
        chosen += _rank(candidates, by, seed)[:count]
    return chosen


def _rank(rows: Sequence[Row], by: Selection, seed: int) -> list[Row]:
    ordered = sorted(rows, key=lambda row: (row.dataset, row.key))
    if by == "random":
        random.Random(seed).shuffle(ordered)
        return ordered
    return sorted(ordered, key=lambda row: -(row.score or 0.0))
