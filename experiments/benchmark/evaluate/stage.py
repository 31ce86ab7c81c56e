"""Scores a model on data sets under named protocols: `metrics.json`, a per-image table, curves and pictures."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from jsonargparse import auto_cli

from experiments.benchmark.evaluate.pictures import draw, evenly_spaced, extremes
from experiments.benchmark.evaluate.ranks import choose_device, ranks
from experiments.benchmark.evaluate.score import Settings, refuse_other_rows, score
from experiments.benchmark.models.resolve import Predictor, Source, resolve
from experiments.pipeline import params
from experiments.pipeline.run_folder import FINISHED, STATE
from experiments.pipeline.threads import set_threads
from pano_data.io.atomic import replace_atomically, write_bytes
from pano_data.reader import ManifestDataset

SCORES = Path("reports/scores")
JOURNAL = ".journal"

__all__ = ["Source", "evaluate", "score_all"]


def evaluate(
    model: str,
    datasets: dict[str, Source],
    protocols: list[str],
    size: tuple[int, int],
    batch_size: int | None = None,
    threads: int = 2,
    device: str = "cpu",
    workers: int = 0,
    latitude_from: Source | None = None,
    out: str | None = None,
) -> dict[str, Any]:
    """Scores one model on all data sets; a killed run goes on where it was.

    Under torchrun the processes share the work and the numbers stay the same.

    Args:
        model: MODEL of docs/benchmark.md: a name under `runs/`, a baseline, a folder of predictions, a fusion, a checkpoint.
        datasets: Name -> manifest and root.
        protocols: Ids in `pano_losses.protocols`.
        size: Height and width of what the model sees and is scored at.
        batch_size: Panoramas a forward pass, by the size and the kind of device if None.
        threads: CPU threads; fixes the last digits.
        device: Where the model runs: auto, cpu or cuda.
        workers: Processes that read samples.
        latitude_from: Training set of the latitude baseline.
        out: Folder of the results, `reports/scores/<model>` by default.
    """
    set_threads(threads)
    folder = Path(out) if out else SCORES / Path(model).name
    predictor = resolve(model, latitude_from, size)
    data = {n: ManifestDataset(s.manifest, s.root, size) for n, s in datasets.items()}
    with ranks() as here:
        settings = Settings(protocols, size, batch_size, choose_device(device), workers, here)
        results = score_all(predictor, data, settings, folder)
        if here.first:
            log_to_run(model, results)
    return results


def score_all(
    predictor: Predictor,
    datasets: Mapping[str, ManifestDataset],
    settings: Settings,
    folder: Path,
) -> dict[str, Any]:
    """Scores data sets; the first rank writes the results into `folder`.

    Args:
        predictor: What predicts.
        datasets: By the name that results carry.
        settings: How to score.
        folder: `metrics.json`, `per_image.parquet`, `curves.json` and `samples/` go here.

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
        if settings.ranks.first:
            _draw(predictor, data, scores.table, folder / "samples" / name, settings.device)
    settings.ranks.wait()  # all have read the journal
    if settings.ranks.first:
        write_results(folder, results, pd.concat(tables, ignore_index=True), curves)
        shutil.rmtree(folder / JOURNAL)
    settings.ranks.wait()
    return results


def _draw(
    predictor: Predictor, data: ManifestDataset, table: pd.DataFrame, folder: Path, device: str
) -> None:
    draw(predictor, data, evenly_spaced(len(data)), folder, device)
    draw(predictor, data, extremes(table), folder / "extremes", device)


def write_results(
    folder: Path, results: Mapping[str, Any], table: pd.DataFrame, curves: Mapping[str, Any]
) -> None:
    """All files whole or not at all; `metrics.json` appears last."""
    write_json(folder / "curves.json", curves)
    with replace_atomically(folder / "per_image.parquet") as part:
        table.to_parquet(part, index=False)
    write_json(folder / "metrics.json", results)


def write_json(path: Path, value: Any) -> None:
    """Sorted, indented, whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True) + "\n").encode())


def log_to_run(model: str, results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Adds `test/<data set>/<protocol>/<metric>` to the MLflow run that trained `model`, if it is known here."""
    key = FINISHED / model / "run_key"
    folder = STATE / model / key.read_text().strip() / "tracking" if key.is_file() else None
    if folder is None or not (folder / "queue.jsonl").is_file():
        return
    # Here, because the tracking client takes seconds to import, and the command logs nothing.
    from experiments.tracking.queue import TrackingQueue
    from experiments.tracking.tracker import tracking_uri

    values = {
        f"test/{dataset}/{protocol}/{metric}": value
        for dataset, by_protocol in results.items()
        for protocol, metrics in by_protocol.items()
        for metric, value in metrics.items()
    }
    queue = TrackingQueue(folder, tracking_uri())
    queue.put("metrics", values=values, step=0)
    queue.close()


def main(argv: list[str]) -> None:
    """`python -m experiments.benchmark.evaluate.stage MODEL`, settings from the section `evaluate`."""
    auto_cli(
        evaluate,
        args=["--config", params.section_text("evaluate"), "--model", *argv],
        as_positional=False,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
