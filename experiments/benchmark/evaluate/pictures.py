"""Pictures of predictions: the same images for every model, and the best, the median and the worst of this one."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torch.utils.data import default_collate

from experiments.benchmark.models.resolve import Predictor
from experiments.tracking.panels import panel
from pano_data.io.atomic import replace_file
from pano_data.reader import ManifestDataset

SAMPLES = 3
RANKED_BY = "absrel"


def draw(
    predictor: Predictor,
    data: ManifestDataset,
    chosen: Mapping[str, int],
    folder: Path,
    device: str,
) -> None:
    """A picture `<name>.png` of each chosen index."""
    for name, index in chosen.items():
        batch = default_collate([data[index]])
        with torch.inference_mode():
            prediction = {k: v.cpu() for k, v in predictor.predict(batch, device).items()}
        [picture] = panel(batch["image"], prediction, batch["distance"], batch["valid"])
        with replace_file(folder / f"{name}.png") as part:
            Image.fromarray(picture).save(part)


def evenly_spaced(count: int) -> dict[str, int]:
    """Indices of a data set of `count` samples, spread over it: the same for every model."""
    shown = min(SAMPLES, count)
    return {str(place): place * count // shown for place in range(shown)}


def extremes(table: pd.DataFrame) -> dict[str, int]:
    """Indices of the best, the median and the worst image by AbsRel under the first protocol that has one.

    Args:
        table: Rows of one data set, per protocol in the order of its samples.
    """
    for _, rows in table.groupby("protocol", sort=False):
        values = (
            rows[RANKED_BY].reset_index(drop=True) if RANKED_BY in rows else pd.Series(dtype=float)
        )
        order = values.dropna().sort_values(kind="stable").index.tolist()
        if order:
            return {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    return {}
