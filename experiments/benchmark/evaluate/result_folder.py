"""The results of one model on several data sets, as a folder.

It holds `metrics.json`, a table with a row per image, error curves, and pictures: the same images
for every model, and the best, the median and the worst of this one.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from PIL import Image

from experiments.benchmark.evaluate.score import ScoringSettings, refuse_other_rows, score
from experiments.benchmark.full_pictures import FullPictures, collate
from experiments.benchmark.models.resolve import ScoredModel
from experiments.tracking.panels import panel
from pano_data import ManifestDataset, remove_all_parts, replace_file, write_json

JOURNAL = ".journal"
SAMPLES = 3
RANKED_BY = "absrel"
WRITTEN = (".png", ".json", ".parquet")
"""Suffixes of the files of a folder."""


def score_datasets(
    predictor: ScoredModel,
    datasets: Mapping[str, ManifestDataset],
    settings: ScoringSettings,
    folder: Path,
    pictures: bool = True,
) -> dict[str, Any]:
    """Score data sets; the first rank writes the results into `folder`.

    Args:
        predictor: What predicts.
        datasets: By the name that results carry.
        settings: How to score.
        folder: `metrics.json`, `per_image.parquet`, `curves.json` and `samples/` go here.
        pictures: Write `samples/`.

    Returns:
        Metrics by data set and protocol.

    Raises:
        NotPanoramasError: The rows are not panoramas of one data set.
        NotScoreableError: No protocol scores this kind of map.
        PredictionsError: Predictions made elsewhere do not fit one of the data sets.
    """
    for data in datasets.values():  # a refusal must not come after hours
        refuse_other_rows(data)
        predictor.prepare(data.manifest, settings.size)
    results, tables, curves = {}, [], {}
    for name, data in datasets.items():
        scores = score(predictor, data, settings, folder / JOURNAL / name)
        results[name] = scores.metrics
        tables.append(scores.table.assign(dataset=name))
        curves[name] = scores.curves
        if pictures and settings.ranks.first:
            samples = folder / "samples" / name
            draw(predictor, data, evenly_spaced(len(data)), samples, settings.device)
            draw(predictor, data, extremes(scores.table), samples / "extremes", settings.device)
    settings.ranks.wait()  # all have read the journal
    if settings.ranks.first:
        for suffix in WRITTEN:  # left by a killed process; nobody else writes here now
            remove_all_parts(folder, suffix)
        _write_results(folder, results, pd.concat(tables, ignore_index=True), curves)
        shutil.rmtree(folder / JOURNAL)
    settings.ranks.wait()
    return results


def _write_results(
    folder: Path, results: Mapping[str, Any], table: pd.DataFrame, curves: Mapping[str, Any]
) -> None:
    """Write each file whole or not at all; `metrics.json` appears last."""
    write_json(folder / "curves.json", curves)
    with replace_file(folder / "per_image.parquet") as part:
        table.to_parquet(part, index=False)
    write_json(folder / "metrics.json", results)


def draw(
    predictor: ScoredModel,
    data: ManifestDataset,
    chosen: Mapping[str, int],
    folder: Path,
    device: str,
) -> None:
    """Write a picture `<name>.png` of each chosen index."""
    samples = FullPictures(data) if predictor.sees_pictures else data
    for name, index in chosen.items():
        batch = collate([samples[index]])
        with torch.inference_mode():
            prediction = {k: v.cpu() for k, v in predictor.predict(batch, device).items()}
        [picture] = panel(batch["image"], prediction, batch["distance"], batch["valid"])
        with replace_file(folder / f"{name}.png") as part:
            Image.fromarray(picture).save(part)


def evenly_spaced(count: int) -> dict[str, int]:
    """Return indices spread over a data set of `count` samples, the same for every model."""
    shown = min(SAMPLES, count)
    return {str(place): place * count // shown for place in range(shown)}


def extremes(table: pd.DataFrame) -> dict[str, int]:
    """Return the indices of the best, the median and the worst image by AbsRel.

    The first protocol that has an AbsRel decides.

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
