"""Scores a model on data sets under named protocols: `metrics.json` and a per-image table."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from jsonargparse import auto_cli
from PIL import Image
from rich.progress import track
from torch import nn
from torch.utils.data import DataLoader, Dataset, default_collate

import pano_losses
import pano_models
from experiments.benchmark.baselines import ConstantBaseline, LatitudeBaseline
from experiments.benchmark.curves import ErrorCurves
from experiments.common import params
from experiments.common.environment import set_threads
from experiments.common.panels import panel
from experiments.common.run_folder import FINISHED, STATE
from experiments.common.tracking import tracking_uri
from experiments.common.tracking_queue import TrackingQueue
from pano_data.reader import ManifestDataset
from pano_losses.accumulators import ProtocolMetric

REPORTS = Path("reports")
SAMPLES = 3
DIGITS = 6  # metrics.json is the same on the same machine; more digits differ between machines


@dataclass(frozen=True)
class Source:
    """A data set to score on: its manifest, and the root that the manifest's paths are relative to."""

    manifest: str
    root: str


@dataclass(frozen=True)
class Scores:
    """Metrics by protocol, the row of every image and the error curves, of one model on one data set."""

    metrics: dict[str, dict[str, float]]
    table: pd.DataFrame
    curves: dict[str, list[float | None]]


@torch.inference_mode()
def score(
    model: nn.Module,
    dataset: Dataset[Any],
    protocols: list[str],
    batch_size: int = 8,
    device: str = "cpu",
    name: str = "",
) -> Scores:
    """Runs `model` over `dataset` and scores every prediction under every protocol.

    Args:
        model: `model(rgb)` returns maps by their meaning; its keys decide which protocols apply.
        dataset: Map-style data set of `ErpSample`.
        protocols: Ids in `pano_losses.protocols`; those that cannot score the model's kind of map are left out.
        batch_size: Panoramas a forward pass.
        device: Where the model runs.
        name: Data set id: some protocols have rules of their own for some data sets.
    """
    model = model.to(device).eval()
    accumulators: dict[str, ProtocolMetric] = {}
    curves = ErrorCurves()
    loader = DataLoader(dataset, batch_size=batch_size)
    for batch in track(loader, description=f"scoring {name}", disable=not sys.stderr.isatty()):
        prediction = model(batch["image"].to(device))
        accumulators = accumulators or {
            p: ProtocolMetric(p, dataset=name).to(device)
            for p in protocols
            if can_score(p, prediction)
        }
        target, valid = batch["distance"].to(device), batch["valid"].to(device)
        far = batch["far"].to(device)
        curves.update(
            {k: v.cpu() for k, v in prediction.items()}, batch["distance"], batch["valid"]
        )
        for accumulator in accumulators.values():
            accumulator.update(prediction, target, valid, keys=batch["key"], far=far)
    metrics = {
        p: {k: round(float(v), DIGITS) for k, v in a.compute().items()}
        for p, a in accumulators.items()
    }
    tables = [pd.DataFrame(a.table()).assign(protocol=p) for p, a in accumulators.items()]
    return Scores(metrics, pd.concat(tables, ignore_index=True), curves.compute())


def can_score(protocol: str, prediction: Mapping[str, Any]) -> bool:
    """True if the protocol knows what to do with this kind of prediction.

    A scale-invariant distance has no score under a protocol of metres, for example: it is left out of
    the table, never filled in.
    """
    return any(kind in prediction for kind in pano_losses.protocols[protocol].accepts)


def resolve(model: str, latitude_from: Source | None, size: tuple[int, int]) -> nn.Module:
    """The network behind a name: `baseline_constant`, `baseline_latitude`, or whatever `pano_models.load` takes."""
    if model == "baseline_constant":
        return ConstantBaseline()
    if model == "baseline_latitude":
        if latitude_from is None:
            raise ValueError(
                "got no `latitude_from`, expected the training set of the latitude baseline"
            )
        train = ManifestDataset(latitude_from.manifest, latitude_from.root, size)
        pairs = ((s["distance"], s["valid"]) for s in (train[i] for i in range(len(train))))
        return LatitudeBaseline.fit(pairs)
    folder = FINISHED / model
    return pano_models.load(str(folder) if folder.is_dir() else model)


def evaluate(
    model: str,
    datasets: dict[str, Source],
    protocols: list[str],
    size: tuple[int, int],
    batch_size: int = 8,
    threads: int = 2,
    device: str = "cpu",
    latitude_from: Source | None = None,
    out: str | None = None,
) -> dict[str, Any]:
    """Scores one model on all data sets; writes `<out>/metrics.json` and `<out>/per_image.parquet`.

    Args:
        model: Name under `runs/`, a baseline, or a MODEL of `pano_models.load`.
        datasets: Name -> manifest and root.
        protocols: Ids in `pano_losses.protocols`.
        size: Height and width of what the model sees and is scored at.
        batch_size: Panoramas a forward pass.
        threads: CPU threads; fixes the last digits.
        device: Where the model runs.
        latitude_from: Training set of the latitude baseline.
        out: Folder of the results, `reports/<model>` by default.
    """
    set_threads(threads)
    network = resolve(model, latitude_from, size)
    folder = Path(out) if out else REPORTS / Path(model).name
    results, tables, curves = {}, [], {}
    for name, source in datasets.items():
        data = ManifestDataset(source.manifest, source.root, size)
        scores = score(network, data, protocols, batch_size, device, name)
        results[name] = scores.metrics
        tables.append(scores.table.assign(dataset=name))
        curves[name] = scores.curves
        draw_samples(network, data, folder / "samples" / name, device)
    write_results(folder, results, pd.concat(tables, ignore_index=True), curves)
    log_to_run(model, results)
    return results


@torch.inference_mode()
def draw_samples(
    model: nn.Module, data: ManifestDataset, folder: Path, device: str, count: int = SAMPLES
) -> None:
    """Pictures of evenly spaced samples: the same ones for every model."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in range(min(count, len(data))):
        batch = default_collate([data[place * len(data) // min(count, len(data))]])
        prediction = {k: v.cpu() for k, v in model(batch["image"].to(device)).items()}
        [picture] = panel(batch["image"], prediction, batch["distance"], batch["valid"])
        Image.fromarray(picture).save(folder / f"{place}.png")


def write_results(
    folder: Path, results: Mapping[str, Any], table: pd.DataFrame, curves: Mapping[str, Any]
) -> None:
    """All files under temporary names first; `metrics.json` appears last."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".curves.part").write_text(json.dumps(curves, indent=1, sort_keys=True) + "\n")
    (folder / ".curves.part").replace(folder / "curves.json")
    table.to_parquet(folder / ".per_image.part", index=False)
    (folder / ".per_image.part").replace(folder / "per_image.parquet")
    (folder / ".metrics.part").write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    (folder / ".metrics.part").replace(folder / "metrics.json")


def log_to_run(model: str, results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
    """Adds `test/<data set>/<protocol>/<metric>` to the MLflow run that trained `model`, if it is known here."""
    key = FINISHED / model / "run_key"
    folder = STATE / model / key.read_text().strip() / "tracking" if key.is_file() else None
    if folder is None or not (folder / "queue.jsonl").is_file():
        return
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
    """`python -m experiments.benchmark.evaluate MODEL`, settings from the section `evaluate`."""
    auto_cli(
        evaluate,
        args=["--config", params.section_text("evaluate"), "--model", *argv],
        as_positional=False,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
